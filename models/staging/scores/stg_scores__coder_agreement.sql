with source as (

    select * from {{ source('scores', 'coder_agreement') }}

)

select
    as_of_date,
    dimension,
    alpha,
    units,
    ratings,
    coders,
    ruleset_version
from source
