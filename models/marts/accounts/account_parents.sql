with parents as (

    select * from {{ ref('int_account_parents') }}
    where valid_from <= {{ end_date() }}

)

select
    account_id,
    parent_account_id,
    parent_source,
    valid_from,
    case when valid_to <= {{ end_date() }} then valid_to end as valid_to
from parents
