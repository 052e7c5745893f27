with source as (

    select * from {{ source('planning', 'reviews') }}
    where _status = 'accepted'

)

select
    review_id,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    due_on,
    held_on,
    recorded_at as version_at,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
