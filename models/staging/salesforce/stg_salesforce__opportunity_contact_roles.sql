{%- set version_at -%}
    case when fivetran_deleted then _version_at else coalesce(system_modstamp, created_date) end
{%- endset -%}

with source as (

    select * from {{ source('salesforce', 'opportunity_contact_role') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as crm_opportunity_contact_role_id,
    {{ crm_id('opportunity_id') }} as crm_opportunity_id,
    {{ crm_id('contact_id') }} as record_id,
    role as role_name,
    {{ to_day('created_date') }} as created_date,
    {{ is_deleted() }} as is_deleted,
    {{ version_at }} as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day(version_at)) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
