with source as (

    select * from {{ source('marketo', 'lead') }}
    where _status = 'accepted'

)

select
    'marketo:' || {{ record_id('id') }} as record_id,
    'marketo' as source_system,
    _instance as source_instance,
    'lead' as record_kind,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    {{ normalised_email('email') }} as email,
    email_registrable as email_domain,
    cast(null as {{ dbt.type_string() }}) as other_emails,
    title,
    department,
    cast(null as {{ dbt.type_string() }}) as buying_role,
    email_invalid as is_bounced,
    unsubscribed as is_opted_out,
    coalesce(fivetran_deleted, false) as is_deleted,
    cast(null as {{ dbt.type_string() }}) as linked_record_id,
    cast(null as {{ dbt.type_string() }}) as merged_record_ids,
    coalesce({{ long_id('sfdc_contact_id') }}, {{ long_id('sfdc_lead_id') }}) as synced_record_id,
    {{ to_day('created_at') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
