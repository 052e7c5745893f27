with spans as (

    select * from {{ ref('int_readiness_spans') }}

)

select
    account_id,
    readiness_segment,
    previous_segment,
    blocking_dimension,
    known_dimensions,
    cleared_dimensions,
    expires_on,
    is_single_voice,
    valid_from,
    nullif(valid_to, {{ forever() }}) as valid_to,
    ruleset_version
from spans
