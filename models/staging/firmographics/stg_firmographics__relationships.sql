with source as (

    select * from {{ source('firmographics', 'relationships') }}
    where _status = 'accepted'

)

select
    coalesce(nullif(trim(company_id), ''), 'domain:' || domain_registrable) as company_key,
    coalesce(nullif(trim(related_company_id), ''), 'domain:' || related_domain_registrable)
        as related_company_key,
    lower(trim(relationship_type)) as relationship_type,
    starts_on,
    ends_on,
    recorded_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
