with source as (

    select * from {{ source('scores', 'activation_checkpoints') }}

)

select
    account_id,
    as_of_date,
    state,
    state_since,
    days_below,
    ruleset_version
from source
