with rule_changes as (

    select * from {{ ref('stg_scores__rule_changes') }}

)

select
    change_number,
    ruleset_version,
    previous_ruleset_version,
    used_from,
    change_number = max(change_number) over () as is_in_force,
    rule_kind,
    rule,
    change,
    rows_added,
    rows_removed,
    rows_changed,
    value_before,
    value_after,
    what_changed
from rule_changes
