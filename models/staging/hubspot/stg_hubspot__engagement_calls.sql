with source as (

    select * from {{ source('hubspot', 'engagement_call') }}
    where _status = 'accepted'

)

select
    'hubspot' as source_system,
    _instance as source_instance,
    'engagement_call' as source_table,
    {{ record_id('engagement_id') }} as act_id,
    cast(null as {{ dbt.type_string() }}) as record_id,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    cast(null as {{ dbt.type_string() }}) as domain,
    cast(null as {{ dbt.type_string() }}) as campaign_id,
    'call' as activity_kind,
    lower(property_hs_call_direction) as activity_subkind,
    lower(property_hs_call_disposition) as disposition,
    property_hs_call_title as subject,
    {{ to_day('property_hs_timestamp') }} as occurred_date,
    -- Planned, cancelled, failed or still ringing, it is no call yet.
    coalesce(
        upper(property_hs_call_status) in ('COMPLETED', 'NO_ANSWER', 'BUSY', 'MISSED'), true
    )
    and not coalesce(fivetran_deleted, false) as is_done,
    coalesce(fivetran_deleted, false) as is_deleted,
    {{ record_id('property_hubspot_owner_id') }} as owner_id,
    1 as quantity,
    _extra as custom_fields,
    {{ to_day('coalesce(property_hs_createdate, property_hs_timestamp)') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
