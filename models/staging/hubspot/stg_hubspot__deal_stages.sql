with source as (

    select * from {{ source('hubspot', 'deal_stage') }}
    where _status = 'accepted'

)

select
    {{ record_id('deal_id') }} as crm_opportunity_id,
    cast(null as {{ dbt.type_string() }}) as stage_name,
    {{ record_id('value') }} as stage_id,
    cast(null as {{ dbt.type_string() }}) as previous_stage_name,
    cast(null as double) as amount,
    cast(null as date) as close_date,
    date_entered as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('date_entered')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
