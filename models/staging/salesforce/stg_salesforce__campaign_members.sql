with source as (

    select * from {{ source('salesforce', 'campaign_member') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_campaign_member_id,
    {{ crm_id('campaign_id') }} as crm_campaign_id,
    {{ crm_id('lead_id') }} as crm_lead_id,
    {{ crm_id('contact_id') }} as crm_contact_id,
    coalesce(has_responded, false) as has_responded,
    first_responded_date,
    {{ to_day('created_date') }} as created_date,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id
from source
