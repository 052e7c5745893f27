with source as (

    select * from {{ source('crm', 'attendees') }}
    where _status = 'accepted'

),

{{ crm_references(['person']) }}

select
    'crm' as source_system,
    {{ record_id('source.activity_id') }} as act_id,
    coalesce({{ record_id('source.person_id') }}, by_address.id) as record_id,
    {{ record_id('source.account_id') }} as crm_account_id,
    coalesce(source.is_deleted, false) as is_deleted,
    source._version_at as version_at,
    source._is_first_load as is_first_load,
    {{ known_date(to_day('source._version_at')) }} as known_date,
    source._load_id as load_id,
    source._file as file_path,
    source._row as file_row
from source
{{ crm_named('person', 'by_address', crm_address('source.person_email'), is_act=true) }}
