{%- set crm_texts = [
    'account_name', 'industry', 'country', 'account_type', 'owner_id', 'parent_crm_account_id'
] -%}
{%- set crm_numbers = ['employees', 'revenue_usd'] -%}
{%- set company_texts = ['industry', 'country', 'technologies'] -%}
{%- set company_numbers = ['employees', 'revenue_usd', 'fiscal_year_end_month'] -%}

with versions as (

    select * from {{ ref('int_account_versions') }}
    where not is_deleted

),

custom_fields as (

    select * from {{ ref('custom_fields') }}
    where table_name = 'account'

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

targets as (

    select * from {{ ref('int_target_accounts') }}

),

companies as (

    select
        *,
        row_number() over (partition by domain order by version_at) as version_order
    from {{ ref('stg_firmographics__companies') }}
    where domain is not null

),

-- A company register tells no creation date: what its first delivery says is taken to hold always.
company_versions as (

    select
        domain, {{ (company_texts + company_numbers) | join(', ') }}, version_at,
        case
            when {{ var('backfill_first_load') }} and version_order = 1 and is_first_load
                then cast('1900-01-01' as date)
            else known_date
        end as valid_from
    from companies

),

companies_in_force as (

    {{ versions_in_force('company_versions', 'domain') }}

),

-- What people keep in the CRM goes before what a register says, and that before the list.
claims as (

    {% for attribute in crm_texts + crm_numbers %}
    select
        crm_account_id as account_id,
        '{{ attribute }}' as attribute,
        cast({{ attribute }} as {{ dbt.type_string() }}) as value_text,
        {% if attribute in crm_numbers %}cast({{ attribute }} as double){% else %}cast(
            null as double
        ){% endif %}
            as value_number,
        'crm' as source,
        1 as precedence,
        '' as tie_break,
        valid_from,
        valid_to
    from versions
    where {{ attribute }} is not null

    union all
    {% endfor %}

    select
        versions.crm_account_id,
        custom_fields.attribute,
        {{ json_text('versions.custom_fields', 'custom_fields.field') }},
        try_cast({{ json_text('versions.custom_fields', 'custom_fields.field') }} as double),
        'crm',
        1,
        custom_fields.field,
        versions.valid_from,
        versions.valid_to
    from versions
    inner join custom_fields on versions.source_instance = custom_fields.source_instance
    where {{ json_text('versions.custom_fields', 'custom_fields.field') }} is not null

    {% for attribute in company_texts + company_numbers %}
    union all

    select
        domain_owners.account_id,
        '{{ attribute }}',
        cast(companies_in_force.{{ attribute }} as {{ dbt.type_string() }}),
        {% if attribute in company_numbers %}cast(companies_in_force.{{ attribute }} as double)
        {%- else %}cast(null as double){% endif %},
        'firmographics',
        2,
        domain_owners.precedence || domain_owners.domain,
        greatest(companies_in_force.valid_from, domain_owners.valid_from),
        least(companies_in_force.valid_to, domain_owners.valid_to)
    from companies_in_force
    inner join domain_owners
        on
            companies_in_force.domain = domain_owners.domain
            and companies_in_force.valid_from < domain_owners.valid_to
            and domain_owners.valid_from < companies_in_force.valid_to
    where companies_in_force.{{ attribute }} is not null
    {% endfor %}

    union all

    select
        account_id, 'account_name', account_name, null, 'target_list', 3, '', valid_from, valid_to
    from targets
    where account_name is not null

    union all

    select account_id, 'target_tier', target_tier, null, 'target_list', 3, '', valid_from, valid_to
    from targets
    where target_tier is not null

    union all

    select
        account_id, 'primary_domain', domain, null, claim_source, 1, precedence || domain,
        valid_from, valid_to
    from domain_owners

),

winners as (

    {{ winning_claims(
        'claims', key=['account_id', 'attribute'], columns=['value_text', 'value_number', 'source'],
        order_by='claims.precedence, claims.tie_break, claims.value_text'
    ) }}

)

select
    account_id,
    attribute,
    value_text,
    value_number,
    source,
    valid_from,
    valid_to
from winners
