with source as (

    select * from {{ source('timing', 'windows') }}
    where _status = 'accepted'

)

select
    domain_registrable as domain,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    window_type,
    lower(trim(effect)) as effect,
    starts_on,
    ends_on,
    recorded_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
