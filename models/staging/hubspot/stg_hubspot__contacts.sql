with source as (

    select * from {{ source('hubspot', 'contact') }}
    where _status = 'accepted'

)

select
    {{ record_id('id') }} as record_id,
    'hubspot' as source_system,
    _instance as source_instance,
    'contact' as record_kind,
    {{ record_id('property_associatedcompanyid') }} as crm_account_id,
    {{ normalised_email('property_email') }} as email,
    property_email_registrable as email_domain,
    property_hs_additional_emails as other_emails,
    property_jobtitle as title,
    property_department as department,
    property_hs_buying_role as buying_role,
    -- hs_email_bounce counts full mailboxes and absences too.
    property_hs_email_hard_bounce_reason_enum is not null as is_bounced,
    property_hs_email_optout as is_opted_out,
    coalesce(fivetran_deleted, false) as is_deleted,
    cast(null as {{ dbt.type_string() }}) as linked_record_id,
    -- The older list has the time of each merge behind a colon.
    coalesce(property_hs_merged_object_ids, regexp_replace(
        property_hs_calculated_merged_vids, ':[0-9]*', '', 'g'
    )) as merged_record_ids,
    coalesce(
        {{ long_id('property_salesforcecontactid') }}, {{ long_id('property_salesforceleadid') }}
    ) as synced_record_id,
    {{ to_day('property_createdate') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
