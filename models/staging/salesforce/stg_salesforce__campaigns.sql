with source as (

    select * from {{ source('salesforce', 'campaign') }}
    where _status = 'accepted'

)

select
    'salesforce' as source_system,
    {{ crm_id('id') }} as crm_campaign_id,
    lower(type) as campaign_type,
    start_date,
    end_date,
    actual_cost as actual_cost_usd,
    {{ crm_id('parent_id') }} as parent_crm_campaign_id,
    {{ to_day('created_date') }} as created_date,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
