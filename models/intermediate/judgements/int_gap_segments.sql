{#- Counted from the days on which an account's facts changed: a count is the sum of all changes up
    to its day, whole numbers that come and go. -#}
{%- set segments = gap_segments() -%}
{%- set values = {} -%}
{%- for segment in segments %}{% do values.update({segment: segment ~ '_value'}) %}{% endfor -%}
{%- set drivers = gap_drivers() -%}
{%- set counts = [
    'target_accounts', 'icp_accounts', 'icp_assumed_accounts', 'activated_accounts',
    'activated_icp_accounts', 'activated_assumed_accounts', 'not_in_market_accounts',
    'touched_gap_accounts', 'held_accounts', 'held_icp_accounts', 'may_have_risen_accounts'
] -%}
{%- for driver in drivers -%}
{%- do counts.extend([driver ~ '_halves', driver ~ '_primary', driver ~ '_sole']) -%}
{%- endfor -%}

with gap_changes as (

    select * from {{ ref('int_account_gap_changes') }}

),

-- From its day on a row holds until the account's next row.
spans as (

    select
        *,
        lead(as_of_date) over (partition by account_id order by as_of_date) as next_as_of_date
    from gap_changes

),

named as (

    select
        *,
        {{ shares_of_drivers() }},
        {%- for segment, column in segments.items() %}
        coalesce({{ column }}, 'unknown') as {{ segment }}_value{{ ',' if not loop.last }}
        {%- endfor %}
    from spans
    where is_target
        and as_of_date <= {{ end_date() }}
        and (next_as_of_date is null or next_as_of_date > {{ start_date() }})

),

-- What an account adds from a day on, and takes away again from its next row on. What was stored
-- before the run counts on the run's first day.
steps as (

    select
        *,
        1 as step,
        greatest(as_of_date, {{ start_date() }}) as valid_from
    from named

    union all

    select
        *,
        -1 as step,
        next_as_of_date as valid_from
    from named
    where next_as_of_date <= {{ end_date() }}

),

stepped as (

    select
        valid_from,
        {{ segment_of_row(values) }},
        sum(step) as target_accounts,
        sum(case when fits_icp then step else 0 end) as icp_accounts,
        sum(case when is_fit_assumed then step else 0 end) as icp_assumed_accounts,
        sum(case when is_activated then step else 0 end) as activated_accounts,
        sum(case when is_activated and fits_icp then step else 0 end) as activated_icp_accounts,
        sum(case when is_activated and is_fit_assumed then step else 0 end)
            as activated_assumed_accounts,
        sum(case when fits_icp and not has_signal then step else 0 end) as not_in_market_accounts,
        sum(case when not is_activated and is_touched then step else 0 end)
            as touched_gap_accounts,
        sum(case when is_activated and is_held then step else 0 end) as held_accounts,
        sum(case when is_activated and is_held and fits_icp then step else 0 end)
            as held_icp_accounts,
        sum(case when not is_activated and may_have_risen then step else 0 end)
            as may_have_risen_accounts,
        {%- for driver in drivers %}
        {%- if driver == 'insufficient_coverage' %}
        sum(step * coverage_driver_halves) as {{ driver }}_halves,
        {%- else %}
        sum(case when signal_driver = '{{ driver }}' then step * signal_driver_halves else 0 end)
            as {{ driver }}_halves,
        {%- endif %}
        sum(case when primary_driver = '{{ driver }}' then step else 0 end)
            as {{ driver }}_primary,
        sum(case when primary_driver = '{{ driver }}' and is_sole_blocker then step else 0 end)
            as {{ driver }}_sole{{ ',' if not loop.last }}
        {%- endfor %}
    from steps
    group by grouping sets (
        (valid_from){% for value in values.values() %},
        (valid_from, {{ value }})
        {%- endfor %}
    )

),

summed as (

    select
        segment_type,
        segment_value,
        valid_from,
        coalesce(lead(valid_from) over of_segment, {{ add_days(end_date(), 1) }}) as valid_to,
        {%- for count in counts %}
        sum({{ count }}) over of_segment as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from stepped
    window of_segment as (partition by segment_type, segment_value order by valid_from)

),

with_targets as (

    select * from summed
    where target_accounts > 0

),

daily as (

    {{ each_day('with_targets') }}

)

select
    as_of_date,
    segment_type,
    segment_value,
    {%- for count in counts %}
    {{ count }}{{ ',' if not loop.last }}
    {%- endfor %}
from daily
