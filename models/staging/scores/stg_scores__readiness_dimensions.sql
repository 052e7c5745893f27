with source as (

    select * from {{ source('scores', 'readiness_dimensions') }}

)

select
    account_id,
    as_of_date,
    dimension,
    mean_share,
    lower_80_share,
    upper_80_share,
    evidence_weight,
    probability_above_half,
    disagreement,
    is_known,
    respondents,
    findings,
    expires_on,
    ruleset_version
from source
