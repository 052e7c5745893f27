with source as (

    select * from {{ source('crm', 'stage_changes') }}
    where _status = 'accepted'

)

select
    {{ record_id('source.deal_id') }} as crm_opportunity_id,
    source.stage_name,
    cast(null as {{ dbt.type_string() }}) as stage_id,
    source.previous_stage_name,
    source.amount,
    source.close_date,
    source.changed_at as version_at,
    source._is_first_load as is_first_load,
    {{ known_date(to_day('source.changed_at')) }} as known_date,
    source._load_id as load_id,
    source._file as file_path,
    source._row as file_row
from source
