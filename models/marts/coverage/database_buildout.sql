{%- set facts = [
    'present_accounts', 'accounts_with_contacts', 'coverage_known_accounts', 'coverage_e6', 'required_personas',
    'present_personas', 'required_seats', 'filled_seats_e6', 'people', 'present_people',
    'contactable_people', 'expected_people_e6', 'unmapped_people', 'bounced_people',
    'opted_out_people', 'departed_people', 'stale_people', 'outdated_people'
] -%}
{%- set millionths = 1000000 -%}
{{
    config(
        materialized='incremental', incremental_strategy='delete+insert', unique_key='as_of_date',
        pre_hook="{% if is_incremental() %}
            {{ add_missing_columns({'coverage_known_accounts': 'bigint'}) }}
            delete from {{ this }} where not is_month_end{% endif %}"
    )
}}

-- Month ends stay; of the days between them only the latest is there.
with targets as (

    select * from {{ ref('int_target_buildout') }}

),

records as (

    select * from {{ ref('int_target_records') }}
    where absence_reason is null

),

segments as (

    select as_of_date, account_id, 'all' as segment_type, 'all' as segment_value
    from targets
    {% for segment, column in gap_segments().items() %}
    union all

    select as_of_date, account_id, '{{ segment }}', coalesce({{ column }}, 'unknown')
    from targets
    {% endfor %}

),

sums as (

    select
        segments.as_of_date,
        targets.is_month_end,
        segments.segment_type,
        segments.segment_value,
        count(*) as target_accounts,
        {%- for fact in facts %}
        cast(sum(targets.{{ fact }}) as bigint) as {{ fact }}{{ ',' if not loop.last }}
        {%- endfor %}
    from segments
    inner join targets
        on
            segments.as_of_date = targets.as_of_date
            and segments.account_id = targets.account_id
    group by
        segments.as_of_date, targets.is_month_end, segments.segment_type, segments.segment_value

),

people_by_age as (

    select
        segments.as_of_date,
        segments.segment_type,
        segments.segment_value,
        records.months_since_verified,
        sum(records.people) as people
    from segments
    inner join records
        on
            segments.as_of_date = records.as_of_date
            and segments.account_id = records.account_id
    group by
        segments.as_of_date,
        segments.segment_type,
        segments.segment_value,
        records.months_since_verified

),

shares_by_age as (

    select
        as_of_date,
        segment_type,
        segment_value,
        months_since_verified,
        cast(sum(people) over (
            partition by as_of_date, segment_type, segment_value order by months_since_verified
            rows between unbounded preceding and current row
        ) as double)
        / sum(people) over (partition by as_of_date, segment_type, segment_value)
            as share_of_people
    from people_by_age

),

-- A quantile of whole months is the first month by which that share of the people is counted.
ages as (

    select
        as_of_date,
        segment_type,
        segment_value,
        min(case when share_of_people >= 0.5 then months_since_verified end) as median_age_months,
        min(case when share_of_people >= 0.9 then months_since_verified end) as p90_age_months
    from shares_by_age
    group by as_of_date, segment_type, segment_value

)

select
    sums.as_of_date,
    sums.is_month_end,
    sums.segment_type,
    sums.segment_value,
    sums.target_accounts,
    sums.present_accounts,
    sums.accounts_with_contacts,
    cast(sums.present_accounts as double) / sums.target_accounts as present_account_share,
    cast({{ var('present_account_goal_share') }} as double) as present_account_goal_share,
    sums.required_personas,
    sums.present_personas,
    cast(sums.present_personas as double) / nullif(sums.required_personas, 0)
        as present_persona_share,
    cast({{ var('present_persona_goal_min_share') }} as double) as present_persona_goal_min_share,
    cast({{ var('present_persona_goal_max_share') }} as double) as present_persona_goal_max_share,
    sums.required_seats,
    sums.filled_seats_e6 / {{ millionths }}.0 as expected_filled_seats,
    sums.coverage_e6 / {{ millionths }}.0 / nullif(sums.coverage_known_accounts, 0)
        as mean_coverage_share,
    sums.coverage_known_accounts,
    sums.people,
    sums.present_people,
    sums.contactable_people,
    sums.expected_people_e6 / {{ millionths }}.0 as expected_valid_people,
    sums.expected_people_e6 / {{ millionths }}.0 / nullif(sums.present_people, 0)
        as expected_valid_share,
    cast(ages.median_age_months as bigint) as median_age_months,
    cast(ages.p90_age_months as bigint) as p90_age_months,
    sums.stale_people,
    sums.outdated_people,
    sums.bounced_people,
    sums.opted_out_people,
    sums.departed_people,
    sums.unmapped_people,
    {{ ruleset_version() }} as ruleset_version
from sums
left join ages
    on
        sums.as_of_date = ages.as_of_date
        and sums.segment_type = ages.segment_type
        and sums.segment_value = ages.segment_value
