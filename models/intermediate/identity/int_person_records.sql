with contacts as (

    select * from {{ ref('int_contact_versions') }}

),

leads as (

    select
        *,
        row_number() over (partition by crm_lead_id order by version_at) as version_order
    from {{ ref('stg_salesforce__leads') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

lead_versions as (

    select crm_lead_id, email, email_domain, title, converted_crm_contact_id, created_date,
        version_at, known_date as valid_from
    from leads

    union all

    select
        crm_lead_id,
        email,
        email_domain,
        title,
        cast(null as {{ dbt.type_string() }}),
        created_date,
        cast(created_date as timestamp), created_date
    from leads
    where {{ var('backfill_first_load') }} and version_order = 1 and is_first_load
        and created_date < known_date

),

leads_in_force as (

    {{ versions_in_force('lead_versions', 'crm_lead_id') }}

),

contact_records as (

    select
        contacts.crm_contact_id as record_id,
        coalesce(contacts.email, contacts.crm_contact_id) as person_id,
        survivors.account_id,
        contacts.email,
        contacts.title,
        contacts.department,
        contacts.email is not null and not contacts.is_bounced and not contacts.is_opted_out
            and not contacts.is_deleted as is_contactable,
        not contacts.is_bounced
        and not contacts.is_opted_out
        and not contacts.is_deleted as is_present,
        contacts.created_date,
        1 as precedence,
        greatest(contacts.valid_from, coalesce(survivors.valid_from, contacts.valid_from))
            as valid_from,
        least(contacts.valid_to, coalesce(survivors.valid_to, contacts.valid_to)) as valid_to
    from contacts
    left join survivors
        on
            contacts.crm_account_id = survivors.crm_account_id
            and contacts.valid_from < survivors.valid_to
            and survivors.valid_from < contacts.valid_to

),

-- A lead is the contact it was converted to; before that it belongs to the owner of its domain.
lead_records as (

    select
        leads_in_force.crm_lead_id as record_id,
        coalesce(
            converted.email, leads_in_force.converted_crm_contact_id,
            leads_in_force.email, leads_in_force.crm_lead_id
        ) as person_id,
        domain_owners.account_id,
        leads_in_force.email,
        leads_in_force.title,
        cast(null as {{ dbt.type_string() }}) as department,
        leads_in_force.email is not null as is_contactable,
        true as is_present,
        leads_in_force.created_date,
        2 as precedence,
        greatest(
            leads_in_force.valid_from, coalesce(domain_owners.valid_from, leads_in_force.valid_from)
        ) as valid_from,
        least(leads_in_force.valid_to, coalesce(domain_owners.valid_to, leads_in_force.valid_to))
            as valid_to
    from leads_in_force
    left join domain_owners
        on
            leads_in_force.email_domain = domain_owners.domain
            and leads_in_force.valid_from < domain_owners.valid_to
            and domain_owners.valid_from < leads_in_force.valid_to
    left join contacts as converted
        on
            leads_in_force.converted_crm_contact_id = converted.crm_contact_id
            and leads_in_force.valid_from >= converted.valid_from
            and leads_in_force.valid_from < converted.valid_to

)

select * from contact_records
union all
select * from lead_records
