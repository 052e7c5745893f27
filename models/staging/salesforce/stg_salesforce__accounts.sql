with source as (

    select * from {{ source('salesforce', 'account') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_account_id,
    _instance as source_instance,
    name as account_name,
    lower(trim(name)) as account_name_normalised,
    website_registrable as website_domain,
    nullif(trim(industry), '') as industry,
    number_of_employees as employees,
    annual_revenue as revenue_usd,
    nullif(trim(billing_country), '') as country,
    {{ crm_id('parent_id') }} as parent_crm_account_id,
    type as account_type,
    {{ crm_id('owner_id') }} as owner_id,
    {{ crm_id('master_record_id') }} as master_crm_account_id,
    record_type_id,
    coalesce(is_deleted, false) as is_deleted,
    _extra as custom_fields,
    {{ to_day('created_date') }} as created_date,
    system_modstamp as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('system_modstamp')) }} as known_date,
    _load_id as load_id
from source
