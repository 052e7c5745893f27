with source as (

    select * from {{ source('hubspot', 'company') }}
    where _status = 'accepted'

)

select
    {{ record_id('id') }} as crm_account_id,
    'hubspot' as source_system,
    _instance as source_instance,
    {{ name_or_null('property_name') }} as account_name,
    coalesce(property_domain_registrable, property_website_registrable) as website_domain,
    property_hs_additional_domains as other_domains,
    {{ name_or_null('property_industry') }} as industry,
    property_numberofemployees as employees,
    property_annualrevenue as revenue,
    cast(null as {{ dbt.type_string() }}) as currency_code,
    nullif(trim(property_country), '') as country,
    {{ record_id('property_hs_parent_company_id') }} as parent_crm_account_id,
    property_type as account_type,
    {{ record_id('property_hubspot_owner_id') }} as owner_id,
    cast(null as {{ dbt.type_string() }}) as master_crm_account_id,
    property_hs_merged_object_ids as merged_crm_account_ids,
    {{ long_id('property_salesforceaccountid') }} as synced_crm_account_id,
    cast(null as {{ dbt.type_string() }}) as record_type_id,
    false as is_person,
    {{ is_deleted() }} as is_deleted,
    _extra as custom_fields,
    _delivery_day as delivery_date,
    {{ to_day('property_createdate') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
