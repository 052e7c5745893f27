with gap_changes as (

    select * from {{ ref('int_account_gap_changes') }}

)

select
    account_id,
    as_of_date,
    is_target,
    target_cause,
    other_account_id,
    state,
    is_target and not is_activated as is_gap,
    is_activated,
    is_held,
    may_have_risen,
    fits_icp,
    is_fit_assumed,
    has_signal,
    is_touched,
    signal_driver,
    has_coverage_driver,
    is_sole_blocker,
    lifecycle,
    fit_tier,
    target_tier,
    industry,
    region,
    owner_id,
    employee_band,
    ruleset_version
from gap_changes
