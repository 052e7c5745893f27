with versions as (

    select * from {{ ref('int_account_versions') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

targets as (

    select * from {{ ref('int_target_accounts') }}

),

-- While a record is named as a test or sandbox one it is counted out, even where a list names it.
existing as (

    select
        survivors.account_id,
        survivors.account_id as crm_account_id,
        true as is_in_crm,
        versions.is_excluded,
        case when versions.crm_account_id = survivors.account_id then 1 else 2 end as precedence,
        greatest(versions.valid_from, survivors.valid_from) as valid_from,
        least(versions.valid_to, survivors.valid_to) as valid_to
    from versions
    inner join survivors
        on
            versions.crm_account_id = survivors.crm_account_id
            and versions.valid_from < survivors.valid_to
            and survivors.valid_from < versions.valid_to
    where not versions.is_deleted

    union all

    -- A named target that the CRM lacks, or has lost, is an account all the same.
    select
        account_id, cast(null as {{ dbt.type_string() }}), false, false, 3, valid_from, valid_to
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
