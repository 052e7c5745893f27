with companies as (

    select * from {{ ref('int_company_spans') }}

),

domain_companies as (

    select * from {{ ref('int_domain_companies') }}

),

link_types as (

    select * from {{ ref('company_relationship_types') }}
    where link != 'none'

),

relationships as (

    select
        *,
        company_key
        || '|' || related_company_key
        || '|' || relationship_type
        || '|' || coalesce(cast(starts_on as {{ dbt.type_string() }}), '') as relationship_key,
        row_number() over (
            partition by company_key, related_company_key, relationship_type, starts_on
            order by version_at
        ) as version_order
    from {{ ref('stg_firmographics__relationships') }}
    where company_key is not null and related_company_key is not null

),

-- What the first delivery says is taken to hold always, as far as it names no days.
versions as (

    select
        relationship_key,
        company_key,
        related_company_key,
        relationship_type,
        starts_on,
        ends_on,
        version_at,
        {{ backfilled_from(ever_since(), 'version_order = 1') }} as valid_from
    from relationships

),

in_force as (

    {{ versions_in_force('versions', 'relationship_key') }}

),

stated as (

    select
        company_key,
        coalesce(parent_company_id, 'domain:' || parent_domain) as related_key,
        'parent' as link,
        valid_from,
        valid_to
    from companies
    where parent_company_id is not null or parent_domain is not null

    union all

    -- A relationship is stated from one of its two ends.
    select
        case when link_types.link in ('parent', 'successor')
            then in_force.company_key else in_force.related_company_key end,
        case when link_types.link in ('parent', 'successor')
            then in_force.related_company_key else in_force.company_key end,
        case when link_types.link in ('parent', 'child') then 'parent' else 'successor' end,
        greatest(in_force.valid_from, coalesce(in_force.starts_on, in_force.valid_from)),
        least(in_force.valid_to, coalesce(in_force.ends_on, in_force.valid_to))
    from in_force
    inner join link_types on in_force.relationship_type = link_types.relationship_type

),

named as (

    select company_key as stated_key from stated
    union
    select related_key as stated_key from stated

),

-- Whom a domain stands for: the company with that website, or nobody but the domain itself.
meanings as (

    select
        named.stated_key,
        domain_companies.company_key,
        1 as precedence,
        domain_companies.valid_from,
        domain_companies.valid_to
    from named
    inner join domain_companies on named.stated_key = 'domain:' || domain_companies.domain

    union all

    select stated_key, stated_key, 2, {{ ever_since() }}, {{ forever() }}
    from named

),

meant as (

    {{ winning_claims(
        'meanings', key=['stated_key'], columns=['company_key'],
        order_by='meanings.precedence, meanings.company_key'
    ) }}

),

resolved as (

    select
        companies_meant.company_key,
        -- Nobody is one's own relation. (Compared as a join condition, this makes every pair meet.)
        nullif(related_meant.company_key, companies_meant.company_key) as related_company_key,
        stated.link,
        stated.related_key not like 'domain:%' as is_named_by_id,
        greatest(stated.valid_from, companies_meant.valid_from, related_meant.valid_from)
            as valid_from,
        least(stated.valid_to, companies_meant.valid_to, related_meant.valid_to) as valid_to
    from stated
    inner join meant as companies_meant on stated.company_key = companies_meant.stated_key
    inner join meant as related_meant on stated.related_key = related_meant.stated_key

)

select
    company_key,
    related_company_key,
    link,
    is_named_by_id,
    valid_from,
    valid_to
from resolved
where valid_from < valid_to and related_company_key is not null
