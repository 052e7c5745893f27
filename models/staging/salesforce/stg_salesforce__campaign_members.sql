with source as (

    select * from {{ source('salesforce', 'campaign_member') }}
    where _status = 'accepted'

)

select
    'salesforce' as source_system,
    _instance as source_instance,
    'campaign_member' as source_table,
    {{ crm_id('id') }} as act_id,
    coalesce({{ crm_id('contact_id') }}, {{ crm_id('lead_id') }}) as record_id,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    cast(null as {{ dbt.type_string() }}) as domain,
    {{ crm_id('campaign_id') }} as campaign_id,
    cast(null as {{ dbt.type_string() }}) as activity_kind,
    cast(null as {{ dbt.type_string() }}) as activity_subkind,
    cast(null as {{ dbt.type_string() }}) as disposition,
    cast(null as {{ dbt.type_string() }}) as subject,
    coalesce(first_responded_date, {{ to_day('system_modstamp') }}) as occurred_date,
    coalesce(has_responded, false) and not {{ is_deleted() }} as is_done,
    cast(null as {{ dbt.type_string() }}) as owner_id,
    1 as quantity,
    {{ is_deleted() }} as is_deleted,
    {{ to_day('created_date') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
