with source as (

    select * from {{ source('salesforce', 'user') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as owner_id,
    'salesforce' as source_system,
    _instance as source_instance,
    nullif(trim(name), '') as owner_name,
    {{ crm_id('user_role_id') }} as role_id,
    department,
    title,
    coalesce(is_active, true) as is_active,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
