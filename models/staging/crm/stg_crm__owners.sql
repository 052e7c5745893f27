with source as (

    select * from {{ source('crm', 'owners') }}
    where _status = 'accepted'

)

select
    {{ record_id('source.owner_id') }} as owner_id,
    'crm' as source_system,
    source._instance as source_instance,
    nullif(
        trim(coalesce(source.owner_name, concat_ws(' ', source.first_name, source.last_name))), ''
    ) as owner_name,
    cast(null as {{ dbt.type_string() }}) as role_id,
    source.department,
    nullif(concat_ws(' ', source.role_name, source.title), '') as title,
    coalesce(source.is_active, true) and not coalesce(source.is_deleted, false) as is_active,
    source._version_at as version_at,
    source._is_first_load as is_first_load,
    {{ known_date(to_day('source._version_at')) }} as known_date,
    source._load_id as load_id,
    source._file as file_path,
    source._row as file_row
from source
