with source as (

    select * from {{ source('success', 'milestones') }}
    where _status = 'accepted'

)

select
    milestone_id,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    lower(trim(kind)) as kind,
    trim(name) as milestone,
    due_on,
    done_on,
    nullif(lower(replace(trim(owner_function), ' ', '_')), '') as owner_function,
    nullif(trim(escalated_to), '') as escalated_to,
    recorded_at as version_at,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
