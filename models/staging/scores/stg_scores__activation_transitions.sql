with source as (

    select * from {{ source('scores', 'activation_transitions') }}

)

select
    account_id,
    as_of_date,
    from_state,
    to_state,
    reason as reason_code,
    strength_score,
    reached_coverage_share,
    is_strong,
    has_committed_motion,
    days_below,
    coalesce(is_attribution_changed, false) as is_attribution_changed,
    is_broad,
    has_recent_buying_signal,
    decided_by,
    ruleset_version
from source
