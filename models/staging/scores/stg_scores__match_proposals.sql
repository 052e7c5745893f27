with source as (

    select * from {{ source('scores', 'match_proposals') }}

)

select
    as_of_date,
    left_account_id,
    right_account_id,
    proposal_type,
    probability_share,
    match_weight_bits,
    evidence,
    ruleset_version
from source
