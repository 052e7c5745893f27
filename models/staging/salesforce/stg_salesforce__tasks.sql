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
    -- The day it names is the day it is due. A task that was written after that day reports what
    -- was done then; of another one the day of completion counts, else none after it was seen done.
    case
        when activity_date < {{ to_day('created_date') }} then activity_date
        when completed_date_time is not null then {{ to_day('completed_date_time') }}
        else least(
            coalesce(activity_date, {{ to_day('created_date') }}), {{ to_day('_version_at') }}
        )
    end as occurred_date,
    coalesce(lower(status) = 'completed', false) and not {{ is_deleted() }} as is_done,
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
