with source as (

    select * from {{ source('salesforce', 'lead') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_lead_id,
    lower(trim(email)) as email,
    email_registrable as email_domain,
    title,
    coalesce(is_converted, false) as is_converted,
    {{ crm_id('converted_contact_id') }} as converted_crm_contact_id,
    {{ to_day('created_date') }} as created_date,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id
from source
