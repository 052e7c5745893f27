with source as (

    select * from {{ source('scores', 'readiness_changes') }}

)

select
    account_id,
    as_of_date,
    segment,
    blocking_dimension,
    known_dimensions,
    cleared_dimensions,
    expires_on,
    is_single_voice,
    ruleset_version
from source
