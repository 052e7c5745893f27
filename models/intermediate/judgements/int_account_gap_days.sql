{{ config(materialized='view') }}

with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date >= {{ start_date() }}

),

states as (

    select * from {{ ref('int_account_states') }}

),

profiles as (

    select * from {{ ref('int_account_profiles') }}

),

state_rules as (

    select * from {{ ref('activation_states') }}

),

-- What an account must have to be activated is what the lowest activated state asks for.
activated_rules as (

    select * from state_rules
    where is_activated
    order by state_rank
    limit 1

),

conditions as (

    select
        features.*,
        -- Below what keeps its state, and a silent feed could have kept it.
        coalesce(
            state_rules.state_rank > features.kept_rank
            and state_rules.state_rank <= features.held_rank,
            false
        ) as is_held,
        -- In the gap, and a silent feed could have brought it out.
        coalesce(
            state_rules.state_rank < activated_rules.state_rank
            and features.reachable_rank >= activated_rules.state_rank,
            false
        ) as may_have_risen,
        states.state,
        states.previous_state,
        states.valid_from as state_since,
        state_rules.is_activated,
        features.signal_level = 'strong' or features.has_committed_motion as has_signal,
        -- Unknown coverage holds no account back.
        coalesce(
            features.reached_coverage_share >= activated_rules.min_reached_coverage, true
        ) as has_coverage,
        profiles.target_tier,
        profiles.industry,
        profiles.region,
        profiles.owner_id,
        profiles.employee_band
    from features
    inner join states
        on
            features.account_id = states.account_id
            and features.as_of_date >= states.valid_from
            and features.as_of_date < states.valid_to
    inner join state_rules on states.state = state_rules.state
    cross join activated_rules
    left join profiles
        on
            features.account_id = profiles.account_id
            and features.as_of_date >= profiles.valid_from
            and features.as_of_date < profiles.valid_to

),

-- One signal driver at most, one coverage driver at most, at least one of them.
drivers as (

    select
        conditions.*,
        case
            when not is_target or is_activated then null
            when not fits_icp then 'poor_fit'
            when has_signal then null
            when not is_observable then 'no_signal_detected'
            when is_outside_window then 'wrong_timing'
            -- Interest is only called low where intent, web or ads could have shown it.
            when not (is_intent_delivered or sees_web or sees_ads) then 'no_signal_detected'
            else 'low_intent'
        end as signal_driver,
        is_target and not is_activated and fits_icp and not has_coverage as has_coverage_driver
    from conditions

)

select
    account_id,
    as_of_date,
    is_month_end,
    is_target,
    lifecycle,
    fit_tier,
    fits_icp,
    is_fit_assumed,
    strength_score,
    signal_level,
    is_broad,
    has_recent_buying_signal,
    has_signal,
    reached_coverage_share,
    engaged_coverage_share,
    coverage_unknown_reason,
    has_committed_motion,
    is_outside_window,
    is_touched,
    is_held,
    may_have_risen,
    state,
    previous_state,
    state_since,
    is_activated,
    is_activated and has_signal and is_outside_window as has_timing_conflict,
    target_tier,
    industry,
    region,
    owner_id,
    employee_band,
    signal_driver,
    case
        when signal_driver = 'no_signal_detected' and is_blinded_by_stale_feed then 'stale_feed'
        when signal_driver = 'no_signal_detected' and not is_intent_delivered
            then 'no_intent_source'
    end
        as signal_cause,
    has_coverage_driver,
    {{ shares_of_drivers() }},
    fits_icp and (signal_driver is null) = has_coverage_driver as is_sole_blocker
from drivers
