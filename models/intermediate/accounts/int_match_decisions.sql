-- What people decided about pairs of records, with ids in the form that the project keeps.
with decisions as (

    select * from {{ ref('match_decisions') }}

)

select
    {{ long_id('left_crm_account_id') }} as left_crm_account_id,
    {{ long_id('right_crm_account_id') }} as right_crm_account_id,
    relation,
    decision,
    valid_from,
    valid_to
from decisions
