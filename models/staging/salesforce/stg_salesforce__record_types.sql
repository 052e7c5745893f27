with source as (

    select * from {{ source('salesforce', 'record_type') }}
    where _status = 'accepted'

)

select
    'salesforce' as source_system,
    {{ crm_id('id') }} as record_type_id,
    name as record_type,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
