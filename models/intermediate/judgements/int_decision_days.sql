{{ config(materialized='view') }}

with account_days as (

    select * from {{ ref('int_account_gap_days') }}
    where as_of_date >= {{ start_date() }}

),

readiness as (

    select * from {{ ref('int_readiness_spans') }}

),

interviews as (

    select * from {{ ref('int_interview_spans') }}

),

cases as (

    select * from {{ ref('int_decision_cases') }}

),

situations as (

    select
        account_days.account_id,
        account_days.as_of_date,
        account_days.is_month_end,
        account_days.is_target,
        account_days.lifecycle,
        account_days.fit_tier,
        account_days.state,
        case
            when not account_days.is_target then 'untargeted'
            else coalesce(account_days.primary_driver, 'none')
        end as driver,
        account_days.has_committed_motion,
        account_days.has_timing_conflict,
        coalesce(readiness.readiness_segment, 'unknown') as readiness_segment,
        readiness.blocking_dimension,
        readiness.expires_on,
        coalesce(readiness.is_single_voice, false) as is_single_voice,
        interviews.held_on as last_research_date,
        interviews.revisit_on as told_revisit_on,
        coalesce(interviews.revisit_on > account_days.as_of_date, false) as is_told_to_wait
    from account_days
    left join readiness
        on
            account_days.account_id = readiness.account_id
            and account_days.as_of_date >= readiness.valid_from
            and account_days.as_of_date < readiness.valid_to
    left join interviews
        on
            account_days.account_id = interviews.account_id
            and account_days.as_of_date >= interviews.valid_from
            and account_days.as_of_date < interviews.valid_to

),

-- A hold ends on the day that was named; if none was, some time after the last research, and
-- sooner where its evidence lapses.
dated as (

    select
        situations.*,
        cases.rule_rank,
        cases.reason as rule_reason,
        cases.decision as rule_decision,
        case
            when cases.decision != 'hold' then null
            when situations.is_told_to_wait then situations.told_revisit_on
            else
                least(
                    {{ add_days('situations.last_research_date', 'cases.revisit_days') }},
                    situations.expires_on
                )
        end as revisit_on
    from situations
    inner join cases
        on
            situations.fit_tier = cases.fit_tier
            and situations.readiness_segment = cases.readiness_segment
            and situations.lifecycle = cases.lifecycle
            and situations.is_told_to_wait = cases.is_told_to_wait

)

select
    account_id,
    as_of_date,
    is_month_end,
    is_target,
    lifecycle,
    fit_tier,
    state,
    driver,
    has_committed_motion,
    has_timing_conflict,
    readiness_segment,
    blocking_dimension,
    expires_on,
    is_single_voice,
    last_research_date,
    is_told_to_wait,
    rule_rank,
    rule_reason,
    -- A hold that is over is no judgement of today: the question is asked again.
    coalesce(rule_decision = 'hold' and revisit_on <= as_of_date, false) as is_revisit_due,
    case
        when rule_decision = 'hold' and revisit_on <= as_of_date then 'research'
        else rule_decision
    end as decision,
    revisit_on,
    told_revisit_on
from dated
