with source as (

    select * from {{ source('crm', 'deals') }}
    where _status = 'accepted'

),

{{ crm_references(['account', 'owner']) }}

select
    {{ record_id('source.deal_id') }} as crm_opportunity_id,
    'crm' as source_system,
    source._instance as source_instance,
    coalesce(
        {{ record_id('source.account_id') }},
        by_site.id,
        by_name.id,
        {{ record_id(crm_site('source.account_website_registrable')) }},
        {{ record_id(crm_name('source.account_name')) }}
    ) as crm_account_id,
    source.deal_name as opportunity_name,
    source.amount,
    upper(source.currency) as currency_code,
    source.stage_name,
    cast(null as {{ dbt.type_string() }}) as stage_id,
    coalesce(source.is_won, false) as is_won,
    coalesce(source.is_closed, source.is_won, false) as is_closed,
    source.close_date,
    source.deal_type as opportunity_type,
    coalesce(
        {{ record_id('source.owner_id') }},
        owner_by_address.id,
        owner_by_name.id,
        {{ record_id(normalised_email('source.owner_email')) }},
        {{ record_id("nullif(trim(source.owner_name), '')") }}
    ) as owner_id,
    source.merged_ids as merged_opportunity_ids,
    cast(null as {{ dbt.type_string() }}) as record_type_id,
    coalesce(source.is_deleted, false) as is_deleted,
    source._extra as custom_fields,
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
{{ crm_named('owner', 'owner_by_address', crm_address('source.owner_email')) }}
{{ crm_named('owner', 'owner_by_name', crm_name('source.owner_name')) }}
