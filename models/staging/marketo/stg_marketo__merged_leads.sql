with source as (

    select * from {{ source('marketo', 'activity_merge_leads') }}
    where _status = 'accepted'

)

select
    'marketo:' || {{ record_id('lead_id') }} as record_id,
    'marketo:' as id_prefix,
    _instance as source_instance,
    merge_ids as merged_record_ids,
    activity_date as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('activity_date')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
