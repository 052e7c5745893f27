{%- set attributes = [
    'crm_account_id', 'email', 'email_domain', 'title', 'department', 'is_bounced', 'is_opted_out'
] -%}

with contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

recorded as (

    select
        crm_contact_id, version_at, known_date as valid_from, {{ attributes | join(', ') }},
        is_deleted, created_date
    from contacts

),

earliest as (

    select
        contacts.*,
        row_number() over (partition by crm_contact_id order by version_at) as version_order
    from contacts

),

-- Deletion, bounces and opt-outs are outcomes: they hold from the day they were recorded.
created as (

    select
        crm_contact_id,
        cast(created_date as timestamp) as version_at,
        created_date as valid_from,
        {%- for attribute in attributes[:5] %}
        case when {{ var('backfill_first_load') }} then {{ attribute }} end as {{ attribute }},
        {%- endfor %}
        false as is_bounced,
        false as is_opted_out,
        false as is_deleted,
        created_date
    from earliest
    where version_order = 1 and is_first_load and created_date < known_date

),

versions as (

    select * from recorded
    union all
    select * from created

)

{{ versions_in_force('versions', 'crm_contact_id') }}
