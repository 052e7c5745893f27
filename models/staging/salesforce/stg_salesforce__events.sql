with source as (

    select * from {{ source('salesforce', 'event') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_activity_id,
    {{ crm_id('account_id') }} as crm_account_id,
    {{ crm_id('who_id') }} as person_crm_id,
    lower(type) as activity_kind,
    lower(event_subtype) as activity_subkind,
    cast(null as {{ dbt.type_string() }}) as disposition,
    'completed' as status,
    coalesce(activity_date, {{ to_day('created_date') }}) as activity_date,
    coalesce(is_deleted, false) as is_deleted,
    {{ crm_id('owner_id') }} as owner_id,
    {{ to_day('created_date') }} as created_date,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id
from source
