with source as (

    select * from {{ source('salesforce', 'event') }}
    where _status = 'accepted'

)

select
    'salesforce' as source_system,
    _instance as source_instance,
    'event' as source_table,
    {{ crm_id('id') }} as act_id,
    {{ crm_id('who_id') }} as record_id,
    {{ crm_id('account_id') }} as crm_account_id,
    cast(null as {{ dbt.type_string() }}) as domain,
    cast(null as {{ dbt.type_string() }}) as campaign_id,
    lower(type) as activity_kind,
    lower(event_subtype) as activity_subkind,
    cast(null as {{ dbt.type_string() }}) as disposition,
    subject,
    coalesce(activity_date, {{ to_day('created_date') }}) as occurred_date,
    not {{ is_deleted() }} and not coalesce(is_child, false) as is_done,
    {{ crm_id('owner_id') }} as owner_id,
    1 as quantity,
    _extra as custom_fields,
    {{ is_deleted() }} as is_deleted,
    {{ to_day('created_date') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
