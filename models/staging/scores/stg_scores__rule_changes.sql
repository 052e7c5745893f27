with source as (

    select * from {{ source('scores', 'rule_changes') }}

)

select
    change_number,
    ruleset_version,
    previous_ruleset_version,
    used_from,
    rule_kind,
    rule,
    change,
    rows_added,
    rows_removed,
    rows_changed,
    value_before,
    value_after,
    what_changed
from source
