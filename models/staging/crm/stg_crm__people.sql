with source as (

    select * from {{ source('crm', 'people') }}
    where _status = 'accepted'

),

{{ crm_references(['account']) }}

select
    {{ record_id('source.person_id') }} as record_id,
    'crm' as source_system,
    source._instance as source_instance,
    lower(coalesce(source.person_kind, 'contact')) as record_kind,
    coalesce({{ record_id('source.account_id') }}, by_site.id, by_name.id) as crm_account_id,
    {{ normalised_email('source.email') }} as email,
    source.email_registrable as email_domain,
    cast(null as {{ dbt.type_string() }}) as other_emails,
    source.title,
    source.department,
    source.buying_role,
    source.is_bounced,
    source.is_opted_out,
    coalesce(source.is_deleted, false) as is_deleted,
    {{ record_id('source.converted_person_id') }} as linked_record_id,
    source.merged_ids as merged_record_ids,
    cast(null as {{ dbt.type_string() }}) as synced_record_id,
    {{ to_day('source.created_at') }} as created_date,
    source._version_at as version_at,
    source._is_first_load as is_first_load,
    {{ known_date(to_day('source._version_at')) }} as known_date,
    source._load_id as load_id,
    source._file as file_path,
    source._row as file_row
from source
{{ crm_named('account', 'by_site', crm_site('source.account_website_registrable')) }}
{{ crm_named('account', 'by_name', crm_name('source.account_name')) }}
