with source as (

    select * from {{ source('research', 'survey_responses') }}
    where _status = 'accepted'

),

addressed as (

    select source.*, {{ normalised_email('respondent_email') }} as normalised_address
    from source

)

select
    _instance as form,
    response_id,
    submitted_at,
    {{ to_day('submitted_at') }} as held_on,
    account_domain_registrable as domain,
    {{ long_id('crm_account_id') }} as crm_account_id,
    {{ long_id('contact_id') }} as crm_contact_id,
    {{ sha256_hex('normalised_address') }} as address_hash,
    respondent_email_registrable as address_domain,
    respondent_role,
    _extra as answers,
    _version_number as version_number,
    _is_first_load as is_first_load,
    {{ known_date(to_day('submitted_at')) }} as known_date,
    _file as file,
    _row as file_row
from addressed
