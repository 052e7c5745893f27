with domain_claims as (

    select * from {{ ref('int_domain_claims') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

companies as (

    select * from {{ ref('int_company_spans') }}

),

versions as (

    select * from {{ ref('int_account_versions') }}
    where not is_deleted and not is_excluded

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

targets as (

    select * from {{ ref('int_target_accounts') }}

),

custom_fields as (

    select * from {{ ref('custom_fields') }}
    where table_name in ('account', 'company') and attribute = 'company_id'

),

names as (

    select
        survivors.account_id,
        {{ plain_name('versions.account_name') }} as plain_name,
        greatest(versions.valid_from, survivors.valid_from) as valid_from,
        least(versions.valid_to, survivors.valid_to) as valid_to
    from versions
    inner join survivors
        on
            versions.crm_account_id = survivors.crm_account_id
            and versions.valid_from < survivors.valid_to
            and survivors.valid_from < versions.valid_to

    union all

    select account_id, {{ plain_name('account_name') }}, valid_from, valid_to
    from targets

),

pairs as (

    -- The provider's id, kept in a field of the CRM.
    select
        survivors.account_id,
        {{ json_text('versions.custom_fields', 'custom_fields.field') }} as company_key,
        cast(null as {{ dbt.type_string() }}) as domain,
        1 as match_rank,
        0 as precedence,
        1 as claim_rank,
        false as is_gone,
        greatest(versions.valid_from, survivors.valid_from) as valid_from,
        least(versions.valid_to, survivors.valid_to) as valid_to
    from versions
    inner join custom_fields
        on
            versions.source_system = custom_fields.source
            and versions.source_instance = custom_fields.source_instance
    inner join survivors on versions.crm_account_id = survivors.crm_account_id
    where {{ json_text('versions.custom_fields', 'custom_fields.field') }} is not null

    union all

    -- Where several accounts or companies share a website, the name says which is which.
    select
        domain_claims.account_id,
        companies.company_key,
        companies.domain,
        2,
        domain_claims.precedence,
        domain_claims.claim_rank,
        coalesce(companies.standing, 'active') != 'active',
        greatest(domain_claims.valid_from, companies.valid_from, names.valid_from),
        least(domain_claims.valid_to, companies.valid_to, names.valid_to)
    from domain_claims
    inner join companies on domain_claims.domain = companies.domain
    inner join names
        on
            domain_claims.account_id = names.account_id
            and companies.plain_name = names.plain_name

    union all

    select
        domain_owners.account_id,
        companies.company_key,
        companies.domain,
        3,
        domain_owners.precedence,
        1,
        coalesce(companies.standing, 'active') != 'active',
        greatest(domain_owners.valid_from, companies.valid_from),
        least(domain_owners.valid_to, companies.valid_to)
    from domain_owners
    inner join companies on domain_owners.domain = companies.domain

    union all

    -- A company known only as another's relation, by its domain.
    select account_id, 'domain:' || domain, domain, 4, precedence, 1, false, valid_from, valid_to
    from domain_owners

),

-- Names and claims on domains are cut wherever one of their versions begins: what says the same is
-- put together again, as all that is built on it ranks every piece.
distinct_pairs as (

    select distinct * from pairs
    where valid_from < valid_to

),

reaches as (

    select
        distinct_pairs.*,
        max(valid_to) over (
            partition by
                account_id, company_key, domain, match_rank, precedence, claim_rank, is_gone
            order by valid_from, valid_to
            rows between unbounded preceding and 1 preceding
        ) as reached_date
    from distinct_pairs

),

spans as (

    select
        reaches.*,
        sum(case when valid_from <= reached_date then 0 else 1 end) over (
            partition by
                account_id, company_key, domain, match_rank, precedence, claim_rank, is_gone
            order by valid_from, valid_to
            rows between unbounded preceding and current row
        ) as span_number
    from reaches

)

select
    account_id,
    company_key,
    domain,
    match_rank,
    precedence,
    claim_rank,
    is_gone,
    min(valid_from) as valid_from,
    max(valid_to) as valid_to
from spans
group by
    account_id, company_key, domain, match_rank, precedence, claim_rank, is_gone, span_number
