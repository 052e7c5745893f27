with source as (

    select * from {{ source('hubspot', 'owner') }}
    where _status = 'accepted'

)

select
    {{ record_id('owner_id') }} as owner_id,
    'hubspot' as source_system,
    _instance as source_instance,
    nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '') as owner_name,
    cast(null as {{ dbt.type_string() }}) as role_id,
    cast(null as {{ dbt.type_string() }}) as department,
    cast(null as {{ dbt.type_string() }}) as title,
    active_user_id is not null as is_active,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
