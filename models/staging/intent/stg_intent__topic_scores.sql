with source as (

    select * from {{ source('intent', 'topic_scores') }}
    where _status = 'accepted'

)

select
    lower(trim(provider)) as provider,
    'intent' as source_system,
    _instance as source_instance,
    'topic_scores' as source_table,
    domain_registrable as domain,
    lower(trim(topic)) as topic,
    score,
    interactions,
    people,
    report_date,
    _delivery_day as version_at,
    _is_first_load as is_first_load,
    {{ known_date('report_date') }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
