with source as (

    select * from {{ source('salesforce', 'task') }}
    where _status = 'accepted'

)

select
    'salesforce' as source_system,
    _instance as source_instance,
    'task' as source_table,
    {{ crm_id('id') }} as act_id,
    {{ crm_id('who_id') }} as record_id,
    {{ crm_id('account_id') }} as crm_account_id,
    cast(null as {{ dbt.type_string() }}) as domain,
    cast(null as {{ dbt.type_string() }}) as campaign_id,
    lower(type) as activity_kind,
    lower(task_subtype) as activity_subkind,
    lower(call_disposition) as disposition,
    subject,
    coalesce(activity_date, {{ to_day('created_date') }}) as occurred_date,
    coalesce(lower(status) = 'completed', false) and not coalesce(is_deleted, false) as is_done,
    {{ crm_id('owner_id') }} as owner_id,
    1 as quantity,
    _extra as custom_fields,
    {{ to_day('created_date') }} as created_date,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id
from source
