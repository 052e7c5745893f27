with stated as (

    select * from {{ ref('int_stated_domain_claims') }}
    where excluded_as is null

),

excluded_domains as (

    select * from {{ ref('int_excluded_domains') }}

),

companies as (

    select * from {{ ref('int_company_spans') }}
    where domain is not null

),

domain_companies as (

    select * from {{ ref('int_domain_companies') }}

),

successors as (

    select * from {{ ref('int_company_successors') }}

),

holders as (

    {{ winning_claims(
        'stated', key=['domain'], columns=['account_id', 'created_date'],
        order_by='stated.precedence, stated.created_date, stated.account_id'
    ) }}

),

-- Who goes on with the company that a domain stands for: the company itself, under its other
-- domains, or its successor.
heirs as (

    select domain, company_key as heir_key, valid_from, valid_to
    from domain_companies

    union all

    select
        domain_companies.domain,
        successors.successor_key,
        greatest(domain_companies.valid_from, successors.valid_from),
        least(domain_companies.valid_to, successors.valid_to)
    from domain_companies
    inner join successors
        on
            domain_companies.company_key = successors.company_key
            and domain_companies.valid_from < successors.valid_to
            and successors.valid_from < domain_companies.valid_to

),

enriched as (

    select
        heirs.domain,
        holders.account_id,
        holders.created_date,
        greatest(heirs.valid_from, companies.valid_from, holders.valid_from) as valid_from,
        least(heirs.valid_to, companies.valid_to, holders.valid_to) as valid_to
    from heirs
    inner join companies on heirs.heir_key = companies.company_key
    inner join holders on companies.domain = holders.domain
    left join excluded_domains on heirs.domain = excluded_domains.domain
    where heirs.domain != companies.domain and excluded_domains.domain is null

),

claims as (

    select domain, account_id, claim_source, precedence, created_date, valid_from, valid_to
    from stated

    union all

    select domain, account_id, 'enrichment', 6, created_date, valid_from, valid_to
    from enriched
    where valid_from < valid_to

)

{{ rank_claims(
    'claims', key=['domain'], columns=['account_id', 'claim_source', 'precedence'],
    order_by='claims.precedence, claims.created_date, claims.account_id'
) }}
