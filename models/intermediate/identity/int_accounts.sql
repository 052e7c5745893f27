with versions as (

    select * from {{ ref('int_account_versions') }}

),

targets as (

    select * from {{ ref('int_target_accounts') }}

),

-- Test and sandbox records are counted out, even where a list names them.
excluded as (

    select distinct crm_account_id from versions
    where is_excluded

),

existing as (

    select crm_account_id as account_id, crm_account_id, true as is_in_crm, 1 as precedence,
        valid_from, valid_to
    from versions
    where not is_deleted and not is_excluded

    union all

    -- A named target that the CRM lacks, or has lost, is an account all the same.
    select account_id, cast(null as {{ dbt.type_string() }}), false, 2, valid_from, valid_to
    from targets
    where not exists (select 1 from excluded
where excluded.crm_account_id = targets.account_id)

),

winners as (

    {{ winning_claims(
        'existing', key=['account_id'], columns=['crm_account_id', 'is_in_crm'],
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
