with source as (

    select * from {{ source('spend', 'daily') }}
    where _status = 'accepted'

)

select
    source.date as spend_date,
    lower(trim(channel)) as channel,
    lower(replace(trim(source.function), ' ', '_')) as function_name,
    campaign_id,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    spend_usd,
    cast(_delivery_day as timestamp) as version_at,
    _is_first_load as is_first_load,
    {{ known_date('source.date') }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
