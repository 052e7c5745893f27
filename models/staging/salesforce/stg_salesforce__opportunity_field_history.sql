with source as (

    select * from {{ source('salesforce', 'opportunity_field_history') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_opportunity_field_history_id,
    {{ crm_id('opportunity_id') }} as crm_opportunity_id,
    field as field_name,
    old_value,
    new_value,
    {{ to_day('created_date') }} as changed_date,
    created_date as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('created_date')) }} as known_date,
    _load_id as load_id
from source
