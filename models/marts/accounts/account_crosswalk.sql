with versions as (

    select * from {{ ref('int_account_versions') }}
    where {{ on_last_day() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

links as (

    select * from {{ ref('int_account_links') }}
    where {{ on_last_day() }}

),

accounts as (

    select account_id from {{ ref('int_accounts') }}
    where {{ on_last_day() }}

)

select
    survivors.crm_account_id,
    {{ end_date() }} as as_of_date,
    survivors.account_id,
    names.account_name,
    names.owner_name,
    versions.source_system as source,
    versions.source_instance,
    versions.account_name as crm_account_name,
    coalesce(versions.is_deleted, true) as is_deleted,
    coalesce(links.basis, 'own') as link_basis,
    coalesce(links.linked_crm_account_id, survivors.crm_account_id) as linked_crm_account_id,
    survivors.valid_from as linked_since
from survivors
left join names on survivors.account_id = names.account_id
inner join accounts on survivors.account_id = accounts.account_id
left join versions on survivors.crm_account_id = versions.crm_account_id
left join links on survivors.crm_account_id = links.crm_account_id
