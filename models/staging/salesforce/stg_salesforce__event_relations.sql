with source as (

    select * from {{ source('salesforce', 'event_relation') }}
    where _status = 'accepted'

)

select
    'salesforce' as source_system,
    {{ crm_id('event_id') }} as act_id,
    -- Not what it is about, and no user of our own: their ids begin with 005, which Salesforce
    -- reserves for them.
    case when not coalesce(is_what, false) and relation_id not like '005%'
        then {{ crm_id('relation_id') }} end as record_id,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    {{ is_deleted() }} or coalesce(lower(status) = 'declined', false) as is_deleted,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
