with source as (

    select * from {{ source('research', 'interviews') }}
    where _status = 'accepted'

)

select
    interview_id,
    account_domain_registrable as domain,
    {{ crm_id('crm_account_id') }} as crm_account_id,
    respondent_role,
    {{ crm_id('contact_id') }} as crm_contact_id,
    lower(trim(source_type)) as source_type,
    held_on,
    coder,
    coalesce(is_retracted, false) as is_retracted,
    recorded_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _file as file_path,
    _row as file_row
from source
