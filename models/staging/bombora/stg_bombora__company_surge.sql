with source as (

    select * from {{ source('bombora', 'company_surge') }}
    where _status = 'accepted'

)

select
    'bombora' as provider,
    domain_registrable as domain,
    lower(trim(topic)) as topic,
    composite_score as score,
    report_date,
    _delivery_day as version_at,
    _is_first_load as is_first_load,
    {{ known_date('report_date') }} as known_date,
    _load_id as load_id
from source
