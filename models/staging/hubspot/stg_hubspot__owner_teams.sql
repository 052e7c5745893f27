with source as (

    select * from {{ source('hubspot', 'owner_team') }}
    where _status = 'accepted'

)

select
    {{ record_id('owner_id') }} as owner_id,
    {{ record_id('team_id') }} as role_id,
    coalesce(is_team_primary, false) as is_primary,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
