with source as (

    select * from {{ source('salesforce', 'contact') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_contact_id,
    {{ crm_id('account_id') }} as crm_account_id,
    lower(trim(email)) as email,
    email_registrable as email_domain,
    title,
    department,
    email_bounced_date is not null as is_bounced,
    coalesce(has_opted_out_of_email, false) as is_opted_out,
    coalesce(is_deleted, false) as is_deleted,
    {{ to_day('created_date') }} as created_date,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id
from source
