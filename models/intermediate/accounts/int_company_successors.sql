with recursive links as (

    select * from {{ ref('int_company_links') }}
    where link = 'successor'

),

companies as (

    select * from {{ ref('int_company_spans') }}

),

-- Who is still active hands nothing over: a spin-off names a predecessor that lives on.
claims as (

    select
        company_key,
        cast(null as {{ dbt.type_string() }}) as successor_key,
        1 as precedence,
        valid_from,
        valid_to
    from companies
    where standing = 'active'

    union all

    -- Of several successors one that is active itself goes first.
    select
        links.company_key,
        links.related_company_key,
        2,
        greatest(links.valid_from, companies.valid_from),
        least(links.valid_to, companies.valid_to)
    from links
    inner join companies
        on
            links.related_company_key = companies.company_key
            and links.valid_from < companies.valid_to
            and companies.valid_from < links.valid_to
    where companies.standing = 'active'

    union all

    select company_key, related_company_key, 3, valid_from, valid_to
    from links

),

next_successors as (

    {{ winning_claims(
        'claims', key=['company_key'], columns=['successor_key'],
        order_by='claims.precedence, claims.successor_key'
    ) }}

),

successions as (

    select * from next_successors
    where successor_key is not null

),

steps as (

    select company_key, successor_key, valid_from, valid_to, 1 as distance
    from successions

    union all

    select
        steps.company_key,
        successions.successor_key,
        greatest(steps.valid_from, successions.valid_from) as valid_from,
        least(steps.valid_to, successions.valid_to) as valid_to,
        steps.distance + 1 as distance
    from steps
    inner join successions
        on
            steps.successor_key = successions.company_key
            and steps.valid_from < successions.valid_to
            and successions.valid_from < steps.valid_to
    where steps.distance < {{ var('hierarchy_max_depth') }}

),

-- Companies that succeed each other in a circle have no successor, nor has who leads into one.
ends as (

    select
        company_key,
        case when distance < {{ var('hierarchy_max_depth') }} then successor_key end
            as successor_key,
        distance,
        valid_from,
        valid_to
    from steps

),

last_successors as (

    {{ winning_claims(
        'ends', key=['company_key'], columns=['successor_key'],
        order_by='ends.distance desc, ends.successor_key'
    ) }}

)

select
    company_key,
    successor_key,
    valid_from,
    valid_to
from last_successors
where company_key != successor_key
