with source as (

    select * from {{ source('bombora', 'company_surge') }}
    where _status = 'accepted'

)

select
    'bombora' as provider,
    'bombora' as source_system,
    _instance as source_instance,
    'company_surge' as source_table,
    domain_registrable as domain,
    lower(trim(topic)) as topic,
    cast(composite_score as double) as score,
    cast(null as bigint) as interactions,
    cast(null as bigint) as people,
    report_date,
    _delivery_day as version_at,
    _is_first_load as is_first_load,
    {{ known_date('report_date') }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
