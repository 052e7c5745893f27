with source as (

    select * from {{ source('salesforce', 'opportunity_history') }}
    where _status = 'accepted'

)

select
    {{ crm_id('opportunity_id') }} as crm_opportunity_id,
    stage_name,
    cast(null as {{ dbt.type_string() }}) as stage_id,
    cast(null as {{ dbt.type_string() }}) as previous_stage_name,
    amount,
    close_date,
    created_date as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('created_date')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
