{{ config(materialized='view') }}

with changes as (

    select *, source_instance as _instance from {{ ref('stg_landing__presence_changes') }}

)

select
    case
        when table_name in ('account', 'accounts', 'company', 'companies') then 'account'
        when table_name in ('contact', 'contacts', 'lead', 'leads') then 'person'
        when table_name in ('opportunity', 'opportunities', 'deal', 'deals') then 'opportunity'
        else table_name
    end as record_kind,
    source as source_system,
    table_name,
    {{ crm_id('record_id') }} as record_id,
    changed_on,
    not is_present as is_deleted
from changes
