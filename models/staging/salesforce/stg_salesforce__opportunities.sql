with source as (

    select * from {{ source('salesforce', 'opportunity') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_opportunity_id,
    'salesforce' as source_system,
    _instance as source_instance,
    {{ crm_id('account_id') }} as crm_account_id,
    name as opportunity_name,
    amount,
    currency_iso_code as currency_code,
    stage_name,
    cast(null as {{ dbt.type_string() }}) as stage_id,
    coalesce(is_won, false) as is_won,
    coalesce(is_closed, false) as is_closed,
    close_date,
    type as opportunity_type,
    {{ crm_id('owner_id') }} as owner_id,
    cast(null as {{ dbt.type_string() }}) as merged_opportunity_ids,
    {{ crm_id('record_type_id') }} as record_type_id,
    {{ is_deleted() }} as is_deleted,
    _extra as custom_fields,
    {{ to_day('created_date') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
