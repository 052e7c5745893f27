{%- set segments = [
    'lifecycle', 'fit_tier', 'target_tier', 'industry', 'region', 'owner', 'employee_band'
] -%}
{%- set drivers = [
    'low_intent', 'no_signal_detected', 'wrong_timing', 'poor_fit', 'insufficient_coverage'
] -%}

with gap_days as (

    select
        *,
        owner_id as owner,
        not is_activated as is_gap
    from {{ ref('int_account_gap_days') }}
    where is_target

),

named as (

    select
        gap_days.*,
        {%- for segment in segments %}
        coalesce(gap_days.{{ segment }}, 'unknown') as {{ segment }}_value{{ ',' if not loop.last }}
        {%- endfor %}
    from gap_days

)

select
    as_of_date,
    case
        {%- for segment in segments %}
        when grouping({{ segment }}_value) = 0 then '{{ segment }}'
        {%- endfor %}
        else 'all'
    end as segment_type,
    coalesce(
        {%- for segment in segments %}
        {{ segment }}_value,
        {%- endfor %}
        'all'
    ) as segment_value,
    count(*) as target_accounts,
    sum(case when fits_icp then 1 else 0 end) as icp_accounts,
    sum(case when is_fit_assumed then 1 else 0 end) as icp_assumed_accounts,
    sum(case when is_activated then 1 else 0 end) as activated_accounts,
    sum(case when is_activated and fits_icp then 1 else 0 end) as activated_icp_accounts,
    sum(case when is_activated and is_fit_assumed then 1 else 0 end) as activated_assumed_accounts,
    sum(case when fits_icp and not has_signal then 1 else 0 end) as not_in_market_accounts,
    sum(case when is_gap and is_touched then 1 else 0 end) as touched_gap_accounts,
    {%- for driver in drivers %}
    {%- if driver == 'insufficient_coverage' %}
    sum(coverage_driver_halves) as {{ driver }}_halves,
    {%- else %}
    sum(case when signal_driver = '{{ driver }}' then signal_driver_halves else 0 end)
        as {{ driver }}_halves,
    {%- endif %}
    sum(case when primary_driver = '{{ driver }}' then 1 else 0 end) as {{ driver }}_primary,
    sum(case when primary_driver = '{{ driver }}' and is_sole_blocker then 1 else 0 end)
        as {{ driver }}_sole{{ ',' if not loop.last }}
    {%- endfor %}
from named
group by grouping sets (
    (as_of_date){% for segment in segments %},
    (as_of_date, {{ segment }}_value)
    {%- endfor %}
)
