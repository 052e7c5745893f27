with source as (

    select * from {{ source('crm', 'accounts') }}
    where _status = 'accepted'

),

{{ crm_references(['account', 'owner']) }}

select
    {{ record_id('source.account_id') }} as crm_account_id,
    'crm' as source_system,
    source._instance as source_instance,
    {{ name_or_null('source.account_name') }} as account_name,
    source.website_registrable as website_domain,
    source.other_websites as other_domains,
    {{ name_or_null('source.industry') }} as industry,
    source.employees,
    source.revenue,
    source.currency as currency_code,
    nullif(trim(source.country), '') as country,
    coalesce({{ record_id('source.parent_id') }}, parent.id) as parent_crm_account_id,
    source.account_type,
    coalesce(
        {{ record_id('source.owner_id') }},
        owner_by_address.id,
        owner_by_name.id,
        {{ record_id(normalised_email('source.owner_email')) }},
        {{ record_id("nullif(trim(source.owner_name), '')") }}
    ) as owner_id,
    cast(null as {{ dbt.type_string() }}) as master_crm_account_id,
    source.merged_ids as merged_crm_account_ids,
    cast(null as {{ dbt.type_string() }}) as synced_crm_account_id,
    cast(null as {{ dbt.type_string() }}) as record_type_id,
    coalesce(source.is_person, false) as is_person,
    coalesce(source.is_deleted, false) as is_deleted,
    source._extra as custom_fields,
    source._delivery_day as delivery_date,
    {{ to_day('source.created_at') }} as created_date,
    source._version_at as version_at,
    source._is_first_load as is_first_load,
    {{ known_date(to_day('source._version_at')) }} as known_date,
    source._load_id as load_id,
    source._file as file_path,
    source._row as file_row
from source
{{ crm_named('account', 'parent', crm_name('source.parent_name')) }}
{{ crm_named('owner', 'owner_by_address', crm_address('source.owner_email')) }}
{{ crm_named('owner', 'owner_by_name', crm_name('source.owner_name')) }}
