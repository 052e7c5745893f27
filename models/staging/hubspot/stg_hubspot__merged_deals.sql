with source as (

    select * from {{ source('hubspot', 'merged_deal') }}
    where _status = 'accepted'

)

select
    {{ record_id('deal_id') }} as crm_opportunity_id,
    _instance as source_instance,
    merged_deal_id as merged_opportunity_ids,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
