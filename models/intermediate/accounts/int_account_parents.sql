with recursive accounts as (

    select account_id, valid_from, valid_to from {{ ref('int_accounts') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

profiles as (

    select * from {{ ref('int_account_profiles') }}
    where parent_crm_account_id is not null

),

account_companies as (

    select * from {{ ref('int_account_companies') }}

),

company_accounts as (

    select * from {{ ref('int_company_accounts') }}

),

company_parents as (

    select * from {{ ref('int_company_parents') }}

),

decisions as (

    select
        left_crm_account_id,
        right_crm_account_id,
        decision,
        valid_from,
        coalesce(valid_to, {{ forever() }}) as valid_to
    from {{ ref('int_match_decisions') }}
    where relation = 'parent'

),

-- Up the register, step by step; each company has one parent a day, so a circle only goes round
-- until the steps are used up.
ancestors as (

    select
        company_key,
        parent_key as ancestor_key,
        1 as distance,
        valid_from,
        valid_to
    from company_parents
    where company_key in (select account_companies.company_key from account_companies)

    union all

    select
        ancestors.company_key,
        company_parents.parent_key,
        ancestors.distance + 1 as distance,
        greatest(ancestors.valid_from, company_parents.valid_from) as valid_from,
        least(ancestors.valid_to, company_parents.valid_to) as valid_to
    from ancestors
    inner join company_parents
        on
            ancestors.ancestor_key = company_parents.company_key
            and ancestors.valid_from < company_parents.valid_to
            and company_parents.valid_from < ancestors.valid_to
    where ancestors.distance < {{ var('hierarchy_max_depth') }}
        and company_parents.parent_key != ancestors.company_key

),

-- For each company of an account the nearest company above it that is another account. One that has
-- a company of the same account above it speaks for nobody; one with nothing above it says so.
company_claims as (

    select
        account_companies.account_id,
        account_companies.company_key,
        account_companies.match_rank,
        account_companies.precedence,
        account_companies.is_gone,
        company_accounts.account_id as parent_account_id,
        case
            when company_accounts.account_id = account_companies.account_id then 0
            else ancestors.distance
        end as distance,
        greatest(
            account_companies.valid_from, ancestors.valid_from, company_accounts.valid_from
        ) as valid_from,
        least(
            account_companies.valid_to, ancestors.valid_to, company_accounts.valid_to
        ) as valid_to
    from account_companies
    inner join ancestors on account_companies.company_key = ancestors.company_key
    inner join company_accounts on ancestors.ancestor_key = company_accounts.company_key

    union all

    select
        account_id,
        company_key,
        match_rank,
        precedence,
        is_gone,
        null,
        {{ var('hierarchy_max_depth') }} + 1,
        valid_from,
        valid_to
    from account_companies

),

usable_company_claims as (

    select * from company_claims
    where valid_from < valid_to

),

company_winners as (

    {{ winning_claims(
        'usable_company_claims', key=['account_id', 'company_key'],
        columns=['match_rank', 'precedence', 'is_gone', 'parent_account_id', 'distance'],
        order_by='usable_company_claims.match_rank, usable_company_claims.precedence,'
        ~ ' usable_company_claims.distance,'
        ~ ' usable_company_claims.parent_account_id'
    ) }}

),

-- The company that the account is for certain goes before one that only shares its website.
register_claims as (

    select * from company_winners
    where parent_account_id is distinct from account_id

),

register_parents as (

    {{ winning_claims(
        'register_claims', key=['account_id'], columns=['parent_account_id'],
        order_by='register_claims.match_rank, register_claims.precedence,'
        ~ ' register_claims.parent_account_id is null, register_claims.is_gone,'
        ~ ' register_claims.distance, register_claims.company_key'
    ) }}

),

decided as (

    select
        coalesce(children.account_id, decisions.left_crm_account_id) as account_id,
        coalesce(parents.account_id, decisions.right_crm_account_id) as parent_account_id,
        decisions.decision,
        greatest(
            decisions.valid_from,
            coalesce(children.valid_from, decisions.valid_from),
            coalesce(parents.valid_from, decisions.valid_from)
        ) as valid_from,
        least(
            decisions.valid_to,
            coalesce(children.valid_to, decisions.valid_to),
            coalesce(parents.valid_to, decisions.valid_to)
        ) as valid_to
    from decisions
    left join survivors as children
        on
            decisions.left_crm_account_id = children.crm_account_id
            and decisions.valid_from < children.valid_to
            and children.valid_from < decisions.valid_to
    left join survivors as parents
        on
            decisions.right_crm_account_id = parents.crm_account_id
            and decisions.valid_from < parents.valid_to
            and parents.valid_from < decisions.valid_to

),

stated as (

    select
        account_id,
        parent_account_id,
        case when decision = 'accept' then 'match_review' end as parent_source,
        case when decision = 'accept' then 1 else 0 end as precedence,
        valid_from,
        valid_to
    from decided

    union all

    select
        profiles.account_id,
        survivors.account_id,
        'crm',
        2,
        greatest(profiles.valid_from, survivors.valid_from),
        least(profiles.valid_to, survivors.valid_to)
    from profiles
    inner join survivors on profiles.parent_crm_account_id = survivors.crm_account_id

    union all

    select account_id, parent_account_id, 'firmographics', 3, valid_from, valid_to
    from register_parents
    where parent_account_id is not null

),

-- Both have to be there: a parent that is not in the universe is no parent.
existing as (

    select
        stated.account_id,
        stated.parent_account_id,
        stated.parent_source,
        stated.precedence,
        greatest(stated.valid_from, children.valid_from, parents.valid_from) as valid_from,
        least(stated.valid_to, children.valid_to, parents.valid_to) as valid_to
    from stated
    inner join accounts as children on stated.account_id = children.account_id
    inner join accounts as parents on stated.parent_account_id = parents.account_id
    where stated.account_id != stated.parent_account_id

),

usable as (

    select * from existing
    where valid_from < valid_to

),

-- A rejected pair holds from no source.
pairs as (

    {{ winning_claims(
        'usable', key=['account_id', 'parent_account_id'], columns=['parent_source', 'precedence'],
        order_by='usable.precedence'
    ) }}

),

sound_pairs as (

    select * from pairs
    where parent_source is not null

),

winners as (

    {{ winning_claims(
        'sound_pairs', key=['account_id'], columns=['parent_account_id', 'parent_source'],
        order_by='sound_pairs.precedence, sound_pairs.parent_account_id'
    ) }}

)

select
    account_id,
    parent_account_id,
    parent_source,
    valid_from,
    valid_to
from winners
