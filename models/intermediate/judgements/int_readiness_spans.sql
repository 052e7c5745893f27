with changes as (

    select * from {{ ref('stg_scores__readiness_changes') }}

)

select
    account_id,
    segment as readiness_segment,
    lag(segment) over of_account as previous_segment,
    blocking_dimension,
    known_dimensions,
    cleared_dimensions,
    expires_on,
    is_single_voice,
    as_of_date as valid_from,
    coalesce(lead(as_of_date) over of_account, {{ forever() }}) as valid_to,
    ruleset_version
from changes
window of_account as (partition by account_id order by as_of_date)
