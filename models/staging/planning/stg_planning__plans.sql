with source as (

    select * from {{ source('planning', 'plans') }}
    where _status = 'accepted'

)

select
    plan_id,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    nullif(trim(objective), '') as objective,
    nullif(lower(replace(trim(owner_function), ' ', '_')), '') as owner_function,
    starts_on,
    ends_on,
    nullif(trim(challenge), '') as challenge,
    campaign_ids,
    planned_touches,
    planned_stakeholders,
    recorded_at as version_at,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
