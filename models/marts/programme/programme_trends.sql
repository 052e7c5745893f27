{{
    config(
        materialized='incremental', incremental_strategy='delete+insert',
        unique_key='week_start_date'
    )
}}
{#- Sums of whole units are the same in any order. -#}
{%- set share = 'decimal(18, 6)' -%}
{%- set segments = gap_segments() -%}
{%- set values = {} -%}
{%- for segment in segments %}{% do values.update({segment: segment ~ '_value'}) %}{% endfor -%}

-- Of each week its last day, of the running one the last day there is: a later run puts a later day
-- in its place, and so it comes out alike day by day and in one range.
with target_days as (

    select
        *,
        {{ week_start('as_of_date') }} as week_start_date
    from {{ ref('int_account_gap_days') }}
    where is_target
        and (
            as_of_date = {{ end_date() }}
            or {{ week_start('as_of_date') }} != {{ week_start(add_days('as_of_date', 1)) }}
        )

),

readiness as (

    select * from {{ ref('int_readiness_spans') }}

),

described as (

    select
        target_days.*,
        {%- for segment, column in segments.items() %}
        coalesce(target_days.{{ column }}, 'unknown') as {{ segment }}_value,
        {%- endfor %}
        coalesce(readiness.readiness_segment, 'unknown') as readiness_segment
    from target_days
    left join readiness
        on
            target_days.account_id = readiness.account_id
            and target_days.as_of_date >= readiness.valid_from
            and target_days.as_of_date < readiness.valid_to

),

summed as (

    select
        week_start_date,
        as_of_date,
        {{ segment_of_row(values) }},
        count(*) as target_accounts,
        sum(cast(strength_score as {{ share }})) as strength_score,
        sum(cast(reached_coverage_share as {{ share }})) as reached_coverage,
        sum(cast(engaged_coverage_share as {{ share }})) as engaged_coverage,
        count(reached_coverage_share) as coverage_known_accounts,
        {%- for state in ['cold', 'warming', 'active', 'engaged'] %}
        count(case when state = '{{ state }}' then 1 end) as {{ state }}_accounts,
        {%- endfor %}
        count(case when readiness_segment != 'unknown' then 1 end) as readiness_known_accounts,
        count(case when readiness_segment = 'can_decide' then 1 end) as can_decide_accounts,
        count(case when is_held or may_have_risen then 1 end) as unsure_accounts
    from described
    group by grouping sets (
        (week_start_date, as_of_date){% for value in values.values() %},
        (week_start_date, as_of_date, {{ value }})
        {%- endfor %}
    )

)

select
    week_start_date,
    segment_type,
    segment_value,
    as_of_date,
    {{ week_start(add_days('as_of_date', 1)) }} > week_start_date as is_complete,
    target_accounts,
    round(cast(strength_score as double) / target_accounts, 6) as mean_strength_score,
    coverage_known_accounts,
    round(cast(reached_coverage as double) / nullif(coverage_known_accounts, 0), 6)
        as mean_reached_coverage_share,
    round(cast(engaged_coverage as double) / nullif(coverage_known_accounts, 0), 6)
        as mean_engaged_coverage_share,
    {%- for state in ['cold', 'warming', 'active', 'engaged'] %}
    {{ state }}_accounts,
    {%- endfor %}
    readiness_known_accounts,
    round(cast(readiness_known_accounts as double) / target_accounts, 6) as readiness_known_share,
    can_decide_accounts,
    unsure_accounts,
    {{ ruleset_version() }} as ruleset_version
from summed
