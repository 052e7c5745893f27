{%- set max_depth = var('hierarchy_max_depth') -%}

with recursive accounts as (

    select account_id from {{ ref('int_accounts') }}
    where {{ on_last_day() }}

),

parents as (

    select * from {{ ref('int_account_parents') }}
    where {{ on_last_day() }}

),

account_companies as (

    select * from {{ ref('int_account_companies') }}
    where {{ on_last_day() }}

),

successors as (

    select * from {{ ref('int_company_successors') }}
    where {{ on_last_day() }}

),

company_accounts as (

    select * from {{ ref('int_company_accounts') }}
    where {{ on_last_day() }}

),

-- Each account has one parent, so a walk upwards is a line. It ends at the top, where it comes back
-- to where it began, or when the steps are used up.
walks as (

    select
        account_id,
        parent_account_id as ancestor_id,
        1 as distance,
        least(account_id, parent_account_id) as smallest_id
    from parents

    union all

    select
        walks.account_id,
        parents.parent_account_id,
        walks.distance + 1 as distance,
        least(walks.smallest_id, parents.parent_account_id) as smallest_id
    from walks
    inner join parents on walks.ancestor_id = parents.account_id
    where walks.ancestor_id != walks.account_id and walks.distance < {{ max_depth }}

),

-- In a circle the account with the smallest id is the top, for every account of it the same.
circles as (

    select account_id, smallest_id, distance as circle_accounts
    from walks
    where ancestor_id = account_id

),

without_circles as (

    select
        parents.account_id,
        parents.parent_account_id,
        parents.parent_source
    from parents
    left join circles on parents.account_id = circles.account_id
    where circles.smallest_id is null or circles.smallest_id != parents.account_id

),

chains as (

    select account_id, parent_account_id as ancestor_id, 1 as distance
    from without_circles

    union all

    select chains.account_id, without_circles.parent_account_id, chains.distance + 1 as distance
    from chains
    inner join without_circles on chains.ancestor_id = without_circles.account_id
    where chains.distance <= {{ max_depth }}

),

-- A line longer than any family's is cut off, account by account.
places as (

    select
        without_circles.account_id,
        without_circles.parent_account_id,
        without_circles.parent_source,
        max_by(chains.ancestor_id, chains.distance) as ultimate_parent_id,
        max(chains.distance) as depth,
        string_agg(chains.ancestor_id, ' > ' order by chains.distance desc) as ancestors
    from without_circles
    inner join chains on without_circles.account_id = chains.account_id
    group by
        without_circles.account_id,
        without_circles.parent_account_id,
        without_circles.parent_source
    having max(chains.distance) <= {{ max_depth }}

),

main_companies as (

    select
        account_id,
        company_key,
        row_number() over (
            partition by account_id order by match_rank, precedence, is_gone, company_key
        ) as company_order
    from account_companies

),

-- Where the company that an account is has been succeeded, the account that goes on with it.
succeeded as (

    select main_companies.account_id, company_accounts.account_id as successor_account_id
    from main_companies
    inner join successors on main_companies.company_key = successors.company_key
    inner join company_accounts on successors.successor_key = company_accounts.company_key
    where main_companies.company_order = 1
        and company_accounts.account_id != main_companies.account_id

)

select
    accounts.account_id,
    places.parent_account_id,
    places.parent_source,
    coalesce(places.ultimate_parent_id, accounts.account_id) as ultimate_parent_id,
    coalesce(places.depth, 0) as depth,
    coalesce(places.ancestors || ' > ', '') || accounts.account_id as path,
    circles.circle_accounts,
    parents.account_id is not null and places.account_id is null as is_cut,
    succeeded.successor_account_id
from accounts
left join parents on accounts.account_id = parents.account_id
left join places on accounts.account_id = places.account_id
left join circles on accounts.account_id = circles.account_id
left join succeeded on accounts.account_id = succeeded.account_id
