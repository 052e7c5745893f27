with source as (

    select * from {{ source('hubspot', 'deal_pipeline_stage') }}
    where _status = 'accepted'

)

select
    {{ record_id('stage_id') }} as stage_id,
    label as stage_name,
    coalesce(is_closed, closed_won, false) as is_closed,
    coalesce(closed_won, false) as is_won,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
