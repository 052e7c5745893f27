with gap_changes as (

    select * from {{ ref('int_account_gap_changes') }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

-- The owner of that day, by the name known last; of no target the owner is not kept.
owners as (

    select owner_id, owner_name from {{ ref('int_owners') }}
    where {{ on_last_day() }}

)

select
    gap_changes.account_id,
    coalesce(names.account_name, gap_changes.account_id) as account_name,
    case
        when gap_changes.is_target then coalesce(owners.owner_name, gap_changes.owner_id)
        else names.owner_name
    end as owner_name,
    gap_changes.as_of_date,
    gap_changes.is_target,
    gap_changes.target_cause,
    gap_changes.other_account_id,
    gap_changes.state,
    gap_changes.is_target and not gap_changes.is_activated as is_gap,
    gap_changes.is_activated,
    gap_changes.is_held,
    gap_changes.may_have_risen,
    gap_changes.fits_icp,
    gap_changes.is_fit_assumed,
    gap_changes.has_signal,
    gap_changes.is_touched,
    gap_changes.signal_driver,
    gap_changes.has_coverage_driver,
    gap_changes.is_sole_blocker,
    gap_changes.lifecycle,
    gap_changes.fit_tier,
    gap_changes.target_tier,
    gap_changes.industry,
    gap_changes.region,
    gap_changes.owner_id,
    gap_changes.employee_band,
    gap_changes.ruleset_version
from gap_changes
left join names on gap_changes.account_id = names.account_id
left join owners on gap_changes.owner_id = owners.owner_id
