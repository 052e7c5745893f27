with source as (

    select * from {{ source('hubspot', 'deal_property_history') }}
    where _status = 'accepted'

)

select
    {{ record_id('deal_id') }} as crm_opportunity_id,
    cast(null as {{ dbt.type_string() }}) as stage_name,
    case when name = 'dealstage' then {{ record_id('value') }} end as stage_id,
    cast(null as {{ dbt.type_string() }}) as previous_stage_name,
    case when name = 'amount' then try_cast(value as double) end as amount,
    case when name = 'closedate' then try_cast(left(value, 10) as date) end as close_date,
    timestamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('timestamp')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
