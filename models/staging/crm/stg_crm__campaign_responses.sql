with source as (

    select * from {{ source('crm', 'campaign_responses') }}
    where _status = 'accepted'

),

{{ crm_references(['account', 'person']) }}

select
    'crm' as source_system,
    source._instance as source_instance,
    'campaign_responses' as source_table,
    'response:' || {{ record_id('source.response_id') }} as act_id,
    coalesce({{ record_id('source.person_id') }}, by_address.id, by_person_name.id) as record_id,
    coalesce({{ record_id('source.account_id') }}, by_site.id, by_name.id) as crm_account_id,
    cast(null as {{ dbt.type_string() }}) as domain,
    cast(null as {{ dbt.type_string() }}) as campaign_id,
    lower(trim(source.response_kind)) as activity_kind,
    cast(null as {{ dbt.type_string() }}) as activity_subkind,
    cast(null as {{ dbt.type_string() }}) as disposition,
    source.campaign_name as subject,
    {{ to_day('source.responded_at') }} as occurred_date,
    coalesce(source.has_responded, true) and not coalesce(source.is_deleted, false) as is_done,
    coalesce(source.is_deleted, false) as is_deleted,
    cast(null as {{ dbt.type_string() }}) as owner_id,
    1 as quantity,
    {{ to_day('source.responded_at') }} as created_date,
    source._version_at as version_at,
    source._is_first_load as is_first_load,
    {{ known_date(to_day('source._version_at')) }} as known_date,
    source._load_id as load_id,
    source._file as file_path,
    source._row as file_row
from source
{{ crm_named('account', 'by_site', crm_site('source.account_website_registrable'), is_act=true) }}
{{ crm_named('account', 'by_name', crm_name('source.account_name'), is_act=true) }}
{{ crm_named('person', 'by_address', crm_address('source.person_email'), is_act=true) }}
{{ crm_named('person', 'by_person_name', crm_name('source.person_name'), is_act=true) }}
