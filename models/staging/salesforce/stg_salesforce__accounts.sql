with source as (

    select * from {{ source('salesforce', 'account') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_account_id,
    'salesforce' as source_system,
    _instance as source_instance,
    {{ name_or_null('name') }} as account_name,
    website_registrable as website_domain,
    cast(null as {{ dbt.type_string() }}) as other_domains,
    {{ name_or_null('industry') }} as industry,
    number_of_employees as employees,
    annual_revenue as revenue,
    currency_iso_code as currency_code,
    nullif(trim(billing_country), '') as country,
    {{ crm_id('parent_id') }} as parent_crm_account_id,
    type as account_type,
    {{ crm_id('owner_id') }} as owner_id,
    {{ crm_id('master_record_id') }} as master_crm_account_id,
    cast(null as {{ dbt.type_string() }}) as merged_crm_account_ids,
    cast(null as {{ dbt.type_string() }}) as synced_crm_account_id,
    {{ crm_id('record_type_id') }} as record_type_id,
    coalesce(is_person_account, false) as is_person,
    {{ is_deleted() }} as is_deleted,
    _extra as custom_fields,
    _delivery_day as delivery_date,
    {{ to_day('created_date') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
