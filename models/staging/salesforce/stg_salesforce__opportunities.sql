with source as (

    select * from {{ source('salesforce', 'opportunity') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_opportunity_id,
    {{ crm_id('account_id') }} as crm_account_id,
    amount,
    stage_name,
    coalesce(is_won, false) as is_won,
    coalesce(is_closed, false) as is_closed,
    close_date,
    type as opportunity_type,
    {{ crm_id('owner_id') }} as owner_id,
    coalesce(is_deleted, false) as is_deleted,
    {{ to_day('created_date') }} as created_date,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id
from source
