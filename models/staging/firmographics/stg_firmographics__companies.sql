with source as (

    select * from {{ source('firmographics', 'companies') }}
    where _status = 'accepted'

)

select
    domain_registrable as domain,
    company_name,
    nullif(trim(industry), '') as industry,
    employees,
    revenue_usd,
    nullif(trim(country), '') as country,
    technologies,
    fiscal_year_end_month,
    parent_domain_registrable as parent_domain,
    updated_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('updated_at')) }} as known_date,
    _load_id as load_id
from source
