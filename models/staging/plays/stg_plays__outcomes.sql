with source as (

    select * from {{ source('plays', 'outcomes') }}
    where _status = 'accepted'

)

select
    domain_registrable as domain,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    lower(trim(play_id)) as play_id,
    assigned_on,
    lower(trim(status)) as status,
    nullif(lower(trim(result)), '') as result,
    recorded_at as version_at,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
