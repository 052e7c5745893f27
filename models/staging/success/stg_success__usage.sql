with source as (

    select * from {{ source('success', 'usage') }}
    where _status = 'accepted'

)

select
    {{ crm_id('crm_account_id') }} as crm_account_id,
    source.date as counted_on,
    nullif(trim(product), '') as product,
    nullif(trim(unit), '') as unit,
    licensed_people,
    deployed_people,
    active_people,
    recorded_at as version_at,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
