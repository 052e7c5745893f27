with versions as (

    select * from {{ ref('int_account_versions') }}

),

targets as (

    select * from {{ ref('int_target_accounts') }}

),

-- While a record is named as a test or sandbox one it is counted out, even where a list names it.
existing as (

    select
        crm_account_id as account_id,
        crm_account_id,
        true as is_in_crm,
        is_excluded,
        1 as precedence,
        valid_from,
        valid_to
    from versions
    where not is_deleted

    union all

    -- A named target that the CRM lacks, or has lost, is an account all the same.
    select
        account_id, cast(null as {{ dbt.type_string() }}), false, false, 2, valid_from, valid_to
    from targets

),

winners as (

    {{ winning_claims(
        'existing', key=['account_id'], columns=['crm_account_id', 'is_in_crm', 'is_excluded'],
        order_by='existing.precedence'
    ) }}

)

select
    account_id,
    crm_account_id,
    is_in_crm,
    valid_from,
    valid_to
from winners
where not is_excluded
