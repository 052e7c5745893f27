{{
    config(
        materialized='incremental', incremental_strategy='delete+insert', unique_key='as_of_date',
        post_hook="update {{ this }} set account_name = account_id where account_name is null"
    )
}}

with gap_days as (

    select * from {{ ref('int_account_gap_days') }}
    where is_month_end

),

profiles as (

    select * from {{ ref('int_account_profiles') }}

),

owners as (

    select * from {{ ref('int_owners') }}

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
    coalesce(profiles.account_name, profiles.primary_domain, gap_days.account_id) as account_name,
    coalesce(owners.owner_name, profiles.owner_id) as owner_name,
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
left join profiles
    on
        gap_days.account_id = profiles.account_id
        and gap_days.as_of_date >= profiles.valid_from
        and gap_days.as_of_date < profiles.valid_to
left join owners
    on
        profiles.owner_id = owners.owner_id
        and gap_days.as_of_date >= owners.valid_from
        and gap_days.as_of_date < owners.valid_to
inner join decision_days
    on
        gap_days.account_id = decision_days.account_id
        and gap_days.as_of_date = decision_days.as_of_date
inner join decisions
    on
        gap_days.account_id = decisions.account_id
        and gap_days.as_of_date >= decisions.valid_from
        and gap_days.as_of_date < decisions.valid_to
