with source as (

    select * from {{ source('crm', 'roles') }}
    where _status = 'accepted'

),

{{ crm_references(['person']) }}

select
    {{ record_id('source.role_id') }} as crm_opportunity_contact_role_id,
    {{ record_id('source.deal_id') }} as crm_opportunity_id,
    coalesce({{ record_id('source.person_id') }}, by_address.id, by_person_name.id) as record_id,
    source.role_name,
    {{ to_day('source.created_at') }} as created_date,
    coalesce(source.is_deleted, false) as is_deleted,
    source._version_at as version_at,
    source._is_first_load as is_first_load,
    {{ known_date(to_day('source._version_at')) }} as known_date,
    source._load_id as load_id,
    source._file as file_path,
    source._row as file_row
from source
{{ crm_named('person', 'by_address', crm_address('source.person_email')) }}
{{ crm_named('person', 'by_person_name', crm_name('source.person_name')) }}
