with source as (

    select * from {{ source('segment', 'identifies') }}
    where _status = 'accepted'

)

select
    id as identify_id,
    anonymous_id,
    user_id,
    {{ normalised_email('email') }} as email,
    email_registrable as email_domain,
    received_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('received_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
