with source as (

    select * from {{ source('change_events', 'events') }}
    where _status = 'accepted'

)

select
    event_id,
    domain_registrable as domain,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    lower(trim(event_type)) as event_type,
    event_date,
    nullif(trim(headline), '') as headline,
    recorded_at as version_at,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
