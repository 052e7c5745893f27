with source as (

    select * from {{ source('hubspot', 'deal') }}
    where _status = 'accepted'

)

select
    {{ record_id('deal_id') }} as crm_opportunity_id,
    'hubspot' as source_system,
    _instance as source_instance,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    property_dealname as opportunity_name,
    property_amount as amount,
    property_deal_currency_code as currency_code,
    cast(null as {{ dbt.type_string() }}) as stage_name,
    {{ record_id('deal_pipeline_stage_id') }} as stage_id,
    false as is_won,
    false as is_closed,
    {{ to_day('property_closedate') }} as close_date,
    property_dealtype as opportunity_type,
    {{ record_id('owner_id') }} as owner_id,
    property_hs_merged_object_ids as merged_opportunity_ids,
    cast(null as {{ dbt.type_string() }}) as record_type_id,
    {{ is_deleted() }} as is_deleted,
    _extra as custom_fields,
    {{ to_day('property_createdate') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
