with source as (

    select * from {{ source('billing', 'contracts') }}
    where _status = 'accepted'

)

select
    contract_id,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    starts_on,
    ends_on,
    arr_usd,
    product,
    recorded_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
