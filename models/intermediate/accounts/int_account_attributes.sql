{%- set crm_texts = [
    'account_name', 'industry', 'country', 'account_type', 'owner_id', 'parent_crm_account_id'
] -%}
{%- set crm_numbers = ['employees', 'revenue_usd'] -%}
{%- set company_texts = ['industry', 'country', 'technologies'] -%}
{%- set company_numbers = ['employees', 'revenue_usd', 'fiscal_year_end_month'] -%}

with survivors as (

    select * from {{ ref('int_account_survivors') }}

),

-- What the record that names the account says goes before what other records of it say, and those
-- stand in the order of the sources.
versions as (

    select
        survivors.account_id,
        case when versions.crm_account_id = survivors.account_id then 1 else 2 end as precedence,
        -- In digits of one length, so that as a text too the tenth source comes after the second.
        right('000' || versions.source_rank, 4) || ' ' || versions.crm_account_id as tie_break,
        versions.source_system,
        versions.source_instance,
        versions.custom_fields,
        versions.website_domain,
        {%- for attribute in crm_texts + crm_numbers %}
        versions.{{ attribute }},
        {%- endfor %}
        greatest(versions.valid_from, survivors.valid_from) as valid_from,
        least(versions.valid_to, survivors.valid_to) as valid_to
    from {{ ref('int_account_versions') }} as versions
    inner join survivors
        on
            versions.crm_account_id = survivors.crm_account_id
            and versions.valid_from < survivors.valid_to
            and survivors.valid_from < versions.valid_to
    where not versions.is_deleted and not versions.is_excluded

),

custom_fields as (

    select * from {{ ref('custom_fields') }}
    where table_name in ('account', 'company')

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

targets as (

    select * from {{ ref('int_target_accounts') }}

),

companies as (

    select * from {{ ref('int_company_spans') }}

),

account_companies as (

    select * from {{ ref('int_account_companies') }}

),

-- The company that the account is for certain goes first, then one that is still there, then the
-- one of the whole website before those of pages in it.
enrichments as (

    select
        account_companies.account_id,
        companies.company_name as account_name,
        {%- for attribute in company_texts + company_numbers %}
        companies.{{ attribute }},
        {%- endfor %}
        account_companies.match_rank
        || '|' || account_companies.precedence
        || case when account_companies.is_gone then '|1|' else '|0|' end
        || right('000' || coalesce(length(companies.website), 0), 4) || '|'
        || coalesce(account_companies.domain, '') || '|' || companies.record_key as tie_break,
        greatest(companies.valid_from, account_companies.valid_from) as valid_from,
        least(companies.valid_to, account_companies.valid_to) as valid_to
    from companies
    inner join account_companies
        on
            companies.company_key = account_companies.company_key
            and coalesce(account_companies.domain, companies.domain, '')
            = coalesce(companies.domain, '')
            and companies.valid_from < account_companies.valid_to
            and account_companies.valid_from < companies.valid_to

),

industry_names as (

    select * from {{ ref('industry_names') }}

),

country_names as (

    select names.country_name, regions.country
    from {{ ref('country_names') }} as names
    inner join {{ ref('country_regions') }} as regions on names.country_code = regions.country_code

),

-- What people keep in the CRM goes before what a register says, and that before the list; only a
-- name from the register goes last, where nobody of ours gave one.
claims as (

    {% for attribute in crm_texts + crm_numbers %}
    select
        account_id,
        '{{ attribute }}' as attribute,
        cast({{ attribute }} as {{ dbt.type_string() }}) as value_text,
        {% if attribute in crm_numbers %}cast({{ attribute }} as double){% else %}cast(
            null as double
        ){% endif %}
            as value_number,
        'crm' as source,
        precedence,
        tie_break,
        valid_from,
        valid_to
    from versions
    where {{ attribute }} is not null

    union all
    {% endfor %}

    select
        versions.account_id,
        custom_fields.attribute,
        {{ json_text('versions.custom_fields', 'custom_fields.field') }},
        try_cast({{ json_text('versions.custom_fields', 'custom_fields.field') }} as double),
        'crm',
        versions.precedence,
        versions.tie_break || ' ' || custom_fields.field,
        versions.valid_from,
        versions.valid_to
    from versions
    inner join custom_fields
        on
            versions.source_system = custom_fields.source
            and versions.source_instance = custom_fields.source_instance
    where {{ json_text('versions.custom_fields', 'custom_fields.field') }} is not null

    {% for attribute in ['account_name'] + company_texts + company_numbers %}
    union all

    select
        account_id,
        '{{ attribute }}',
        cast({{ attribute }} as {{ dbt.type_string() }}),
        {% if attribute in company_numbers %}cast({{ attribute }} as double)
        {%- else %}cast(null as double){% endif %},
        'firmographics',
        {{ 5 if attribute == 'account_name' else 3 }},
        tie_break,
        valid_from,
        valid_to
    from enrichments
    where {{ attribute }} is not null
    {% endfor %}

    union all

    select
        account_id, 'account_name', account_name, null, 'target_list', 4, '', valid_from, valid_to
    from targets
    where account_name is not null

    union all

    select account_id, 'target_tier', target_tier, null, 'target_list', 4, '', valid_from, valid_to
    from targets
    where target_tier is not null

    union all

    -- Of the domains that an account owns its own website goes first, then those of its other
    -- records, then what else it was given.
    select
        versions.account_id,
        'primary_domain',
        domain_owners.domain,
        null,
        domain_owners.claim_source,
        versions.precedence,
        versions.tie_break,
        greatest(versions.valid_from, domain_owners.valid_from),
        least(versions.valid_to, domain_owners.valid_to)
    from versions
    inner join domain_owners
        on
            versions.account_id = domain_owners.account_id
            and versions.website_domain = domain_owners.domain
            and versions.valid_from < domain_owners.valid_to
            and domain_owners.valid_from < versions.valid_to

    union all

    select
        account_id, 'primary_domain', domain, null, claim_source, 3, precedence || domain,
        valid_from, valid_to
    from domain_owners

),

winners as (

    {{ winning_claims(
        'claims', key=['account_id', 'attribute'], columns=['value_text', 'value_number', 'source'],
        order_by='claims.precedence, claims.tie_break, claims.value_text'
    ) }}

),

-- Words of industries and countries, of the sources and of the seeds, as they are compared: without
-- case, accents and punctuation, and industries without "and", which some write and some leave out.
spellings as (

    select distinct attribute, value_text from winners
    where attribute in ('industry', 'country')

    union

    select 'industry', industry_name from industry_names

    union

    select 'country', country_name from country_names

),

compared_spellings as (

    select
        attribute,
        value_text,
        case attribute
            when 'industry' then trim(replace(
                ' ' || {{ plain_words("replace(value_text, '&', ' and ')") }} || ' ', ' and ', ' '
            ))
            else {{ plain_words('value_text') }}
        end as words
    from spellings

),

known_words as (

    select compared.attribute, compared.words, min(industry_names.industry) as canonical_text
    from compared_spellings as compared
    inner join industry_names on compared.value_text = industry_names.industry_name
    where compared.attribute = 'industry'
    group by compared.attribute, compared.words

    union all

    select compared.attribute, compared.words, min(country_names.country)
    from compared_spellings as compared
    inner join country_names on compared.value_text = country_names.country_name
    where compared.attribute = 'country'
    group by compared.attribute, compared.words

),

-- What no seed knows keeps its words; an industry is written in one way, however its words are.
canonical as (

    select
        spellings.attribute,
        spellings.value_text,
        coalesce(
            known_words.canonical_text,
            case when spellings.attribute = 'industry'
                then nullif({{ sentence('spellings.value_text') }}, '') end,
            spellings.value_text
        ) as canonical_text
    from compared_spellings as spellings
    left join known_words
        on
            spellings.attribute = known_words.attribute
            and spellings.words = known_words.words

)

select
    winners.account_id,
    winners.attribute,
    coalesce(canonical.canonical_text, winners.value_text) as value_text,
    winners.value_text as value_as_delivered,
    winners.value_number,
    winners.source,
    winners.valid_from,
    winners.valid_to
from winners
left join canonical
    on
        winners.attribute = canonical.attribute
        and winners.value_text = canonical.value_text
