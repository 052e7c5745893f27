with source as (

    select * from {{ source('scores', 'research_questions') }}

)

select
    as_of_date,
    account_id,
    respondent_role,
    dimension,
    segment_without,
    unknown_share,
    contested_share,
    blocked_share,
    partial_share,
    can_decide_share,
    ruleset_version
from source
