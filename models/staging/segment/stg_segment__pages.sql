with source as (

    select * from {{ source('segment', 'pages') }}
    where _status = 'accepted'

)

select
    id as page_view_id,
    -- A visitor whose browser has no id of its own is told from others by the address alone.
    coalesce(anonymous_id, 'address ' || context_ip, 'page ' || id) as anonymous_id,
    context_ip as ip,
    lower(coalesce(context_page_path, '/')) as page_path,
    {{ to_day('least(coalesce("timestamp", received_at), received_at)') }} as occurred_date,
    least(coalesce("timestamp", received_at), received_at) as happened_at,  -- noqa: RF06
    received_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('received_at')) }} as known_date,
    _version_number as version_number,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
