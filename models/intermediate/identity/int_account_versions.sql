{%- set attributes = [
    'source_instance', 'account_name', 'website_domain', 'industry', 'employees', 'revenue_usd',
    'country', 'parent_crm_account_id', 'account_type', 'owner_id', 'custom_fields'
] -%}

with accounts as (

    select * from {{ ref('stg_salesforce__accounts') }}

),

exclusions as (

    select * from {{ ref('record_exclusions') }}

),

-- A deletion is an outcome: it holds from the day it was recorded, never from the record's
-- creation.
recorded as (

    select
        crm_account_id,
        version_at,
        known_date as valid_from,
        {{ attributes | join(', ') }},
        is_deleted,
        case when is_deleted then master_crm_account_id end as master_crm_account_id,
        created_date,
        false as is_backfilled
    from accounts

),

earliest as (

    select
        accounts.*,
        row_number() over (partition by crm_account_id order by version_at) as version_order
    from accounts

),

created as (

    select
        crm_account_id,
        cast(created_date as timestamp) as version_at,
        created_date as valid_from,
        {%- for attribute in attributes %}
        case when {{ var('backfill_first_load') }} then {{ attribute }} end as {{ attribute }},
        {%- endfor %}
        false as is_deleted,
        cast(null as {{ dbt.type_string() }}) as master_crm_account_id,
        created_date,
        true as is_backfilled
    from earliest
    where version_order = 1 and is_first_load and created_date < known_date

),

versions as (

    select * from recorded
    union all
    select * from created

),

in_force as (

    {{ versions_in_force('versions', 'crm_account_id') }}

)

select
    in_force.crm_account_id,
    in_force.valid_from,
    in_force.valid_to,
    {%- for attribute in attributes %}
    in_force.{{ attribute }},
    {%- endfor %}
    in_force.is_deleted,
    in_force.master_crm_account_id,
    in_force.created_date,
    in_force.is_backfilled,
    exists(
        select 1 from exclusions
        where lower(in_force.account_name) like exclusions.name_pattern
    ) as is_excluded
from in_force
