with source as (

    select * from {{ source('salesforce', 'opportunity_contact_role') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_opportunity_contact_role_id,
    {{ crm_id('opportunity_id') }} as crm_opportunity_id,
    {{ crm_id('contact_id') }} as record_id,
    role as role_name,
    {{ to_day('created_date') }} as created_date,
    coalesce(system_modstamp, created_date) as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('coalesce(system_modstamp, created_date)')) }} as known_date,
    _load_id as load_id
from source
