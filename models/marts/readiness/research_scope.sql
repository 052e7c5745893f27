{%- set segments = readiness_segments() -%}

with targets as (

    select * from {{ ref('int_target_segments') }}

),

readiness as (

    select * from {{ ref('account_readiness') }}

),

counted as (

    select
        targets.segment_type,
        targets.segment_value,
        count(*) as target_accounts,
        count(readiness.last_research_date) as asked_accounts,
        {%- for segment in segments %}
        count(case when readiness.readiness_segment = '{{ segment }}' then 1 end)
            as {{ segment }}_accounts,
        {%- endfor %}
        count(case when readiness.is_single_voice then 1 end) as single_voice_accounts,
        count(
            case when
                readiness.expires_on
                <= {{ add_days(end_date(), var('research_lead_days')) }}
                then 1 end
        ) as lapsing_accounts
    from targets
    inner join readiness on targets.account_id = readiness.account_id
    group by targets.segment_type, targets.segment_value

)

select
    {{ end_date() }} as as_of_date,
    segment_type,
    segment_value,
    target_accounts,
    asked_accounts,
    target_accounts - unknown_accounts as known_accounts,
    round((target_accounts - unknown_accounts) / cast(target_accounts as double), 6)
        as known_share,
    {%- for segment in segments %}
    {{ segment }}_accounts,
    {%- endfor %}
    single_voice_accounts,
    lapsing_accounts
from counted
