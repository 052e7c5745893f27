with source as (

    select * from {{ source('salesforce', 'opportunity_field_history') }}
    where _status = 'accepted'

)

select
    {{ crm_id('opportunity_id') }} as crm_opportunity_id,
    case when lower(field) in ('stagename', 'stage_name') then new_value end as stage_name,
    cast(null as {{ dbt.type_string() }}) as stage_id,
    case when lower(field) in ('stagename', 'stage_name') then old_value end as previous_stage_name,
    case when lower(field) = 'amount' then try_cast(new_value as double) end as amount,
    case
        when lower(field) in ('closedate', 'close_date') then try_cast(left(new_value, 10) as date)
    end as close_date,
    created_date as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('created_date')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
