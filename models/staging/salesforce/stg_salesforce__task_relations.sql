with source as (

    select * from {{ source('salesforce', 'task_relation') }}
    where _status = 'accepted'

)

select
    'salesforce' as source_system,
    {{ crm_id('task_id') }} as act_id,
    -- Not what it is about.
    case when not coalesce(is_what, false) then {{ crm_id('relation_id') }} end as record_id,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    {{ is_deleted() }} as is_deleted,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
