{{
    config(
        materialized='incremental', incremental_strategy='delete+insert', unique_key='as_of_date'
    )
}}

with gap_days as (

    select * from {{ ref('int_account_gap_days') }}
    where is_month_end

),

decision_days as (

    select * from {{ ref('int_decision_days') }}
    where is_month_end

),

decisions as (

    select
        account_id,
        decision,
        as_of_date as valid_from,
        coalesce(
            lead(as_of_date) over (partition by account_id order by as_of_date), {{ forever() }}
        ) as valid_to
    from {{ ref('int_decision_changes') }}

)

select
    gap_days.as_of_date,
    gap_days.account_id,
    gap_days.state,
    gap_days.strength_score,
    gap_days.reached_coverage_share,
    gap_days.fit_tier,
    gap_days.lifecycle,
    gap_days.primary_driver,
    gap_days.is_target,
    decision_days.readiness_segment,
    decisions.decision,
    {{ ruleset_version() }} as ruleset_version
from gap_days
inner join decision_days
    on
        gap_days.account_id = decision_days.account_id
        and gap_days.as_of_date = decision_days.as_of_date
inner join decisions
    on
        gap_days.account_id = decisions.account_id
        and gap_days.as_of_date >= decisions.valid_from
        and gap_days.as_of_date < decisions.valid_to
