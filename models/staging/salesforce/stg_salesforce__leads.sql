with source as (

    select * from {{ source('salesforce', 'lead') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as record_id,
    'salesforce' as source_system,
    _instance as source_instance,
    'lead' as record_kind,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    {{ normalised_email('email') }} as email,
    email_registrable as email_domain,
    cast(null as {{ dbt.type_string() }}) as other_emails,
    title,
    department,
    cast(null as {{ dbt.type_string() }}) as buying_role,
    email_bounced_date is not null as is_bounced,
    has_opted_out_of_email as is_opted_out,
    {{ is_deleted() }} as is_deleted,
    coalesce({{ crm_id('converted_contact_id') }}, {{ crm_id('master_record_id') }})
        as linked_record_id,
    cast(null as {{ dbt.type_string() }}) as merged_record_ids,
    cast(null as {{ dbt.type_string() }}) as synced_record_id,
    {{ to_day('created_date') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
