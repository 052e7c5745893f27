with source as (

    select * from {{ source('hubspot', 'team') }}
    where _status = 'accepted'

)

select
    {{ record_id('id') }} as role_id,
    name as role_name,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
