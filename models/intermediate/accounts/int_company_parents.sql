with links as (

    select * from {{ ref('int_company_links') }}
    where link = 'parent'

),

successors as (

    select * from {{ ref('int_company_successors') }}

),

company_accounts as (

    select company_key, valid_from, valid_to from {{ ref('int_company_accounts') }}

),

-- A parent that its own child has succeeded is none from then on.
sound_links as (

    select
        links.company_key,
        links.related_company_key as parent_key,
        links.is_named_by_id,
        links.valid_from,
        least(links.valid_to, coalesce(min(successors.valid_from), links.valid_to)) as valid_to
    from links
    left join successors
        on
            links.related_company_key = successors.company_key
            and links.company_key = successors.successor_key
    group by
        links.company_key, links.related_company_key, links.is_named_by_id, links.valid_from,
        links.valid_to

),

-- The successor takes over the children.
candidates as (

    select
        company_key,
        parent_key,
        is_named_by_id,
        false as is_successor,
        valid_from,
        valid_to
    from sound_links

    union all

    select
        sound_links.company_key,
        successors.successor_key,
        sound_links.is_named_by_id,
        true,
        greatest(sound_links.valid_from, successors.valid_from),
        least(sound_links.valid_to, successors.valid_to)
    from sound_links
    inner join successors
        on
            sound_links.parent_key = successors.company_key
            and sound_links.valid_from < successors.valid_to
            and successors.valid_from < sound_links.valid_to
    where successors.successor_key != sound_links.company_key

),

-- Of several parents one that is an account goes first, then one that has a parent itself: the
-- walk upwards must not end where another way leads on.
known as (

    select company_key, 1 as standing_rank, valid_from, valid_to from company_accounts

    union all

    select company_key, 2, valid_from, valid_to from sound_links

),

claims as (

    select
        candidates.company_key,
        candidates.parent_key,
        candidates.is_named_by_id,
        candidates.is_successor,
        known.standing_rank,
        greatest(candidates.valid_from, known.valid_from) as valid_from,
        least(candidates.valid_to, known.valid_to) as valid_to
    from candidates
    inner join known
        on
            candidates.parent_key = known.company_key
            and candidates.valid_from < known.valid_to
            and known.valid_from < candidates.valid_to

    union all

    select company_key, parent_key, is_named_by_id, is_successor, 3, valid_from, valid_to
    from candidates
    where valid_from < valid_to

),

winners as (

    {{ winning_claims(
        'claims', key=['company_key'], columns=['parent_key'],
        order_by='claims.standing_rank, claims.is_successor desc, claims.is_named_by_id desc,'
        ~ ' claims.parent_key'
    ) }}

)

select
    company_key,
    parent_key,
    valid_from,
    valid_to
from winners
