with versions as (

    select * from {{ ref('int_account_versions') }}

),

decisions as (

    select * from {{ ref('int_match_decisions') }}
    where relation = 'duplicate'

),

-- The account of two records that are one company is named by the record that we knew first, so
-- that a second CRM changes no account's id.
ages as (

    select
        crm_account_id,
        row_number() over (
            order by first_delivery_date, source_rank, min(created_date), crm_account_id
        ) as age_rank
    from versions
    group by crm_account_id, first_delivery_date, source_rank

),

merged_ids as (

    select
        crm_account_id, source_instance, min(valid_from) as valid_from,
        merged_crm_account_ids as ids
    from versions
    where merged_crm_account_ids is not null
    group by crm_account_id, source_instance, merged_crm_account_ids

),

listed_merges as (

    {{ listed_ids('merged_ids') }}

),

losers as (

    select
        {{ record_id('listed_id', 'source_instance') }} as loser_id,
        crm_account_id,
        valid_from
    from listed_merges

),

-- From the day a merge is known the loser's people, domains and deals are its master's.
merges as (

    select
        crm_account_id,
        master_crm_account_id as linked_crm_account_id,
        min(valid_from) as valid_from
    from versions
    where master_crm_account_id is not null and master_crm_account_id != crm_account_id
    group by crm_account_id, master_crm_account_id

    union all

    select loser_id, crm_account_id, min(valid_from)
    from losers
    group by loser_id, crm_account_id

),

-- The record that has a website in one CRM: the oldest with it.
websites as (

    select
        versions.website_domain,
        versions.source_system || '@' || versions.source_instance as crm,
        versions.crm_account_id,
        ages.age_rank,
        versions.valid_from,
        versions.valid_to
    from versions
    inner join ages on versions.crm_account_id = ages.crm_account_id
    left join {{ ref('int_excluded_domains') }} as excluded_domains
        on versions.website_domain = excluded_domains.domain
    where versions.website_domain is not null
        and excluded_domains.domain is null
        and not versions.is_deleted
        and not versions.is_excluded

),

website_records as (

    {{ winning_claims(
        'websites', key=['website_domain', 'crm'], columns=['crm_account_id', 'age_rank'],
        order_by='websites.age_rank'
    ) }}

),

website_pairs as (

    select
        one.website_domain,
        one.crm_account_id as one_id,
        other.crm_account_id as other_id,
        greatest(one.valid_from, other.valid_from) as valid_from,
        least(one.valid_to, other.valid_to) as valid_to
    from website_records as one
    inner join website_records as other
        on
            one.website_domain = other.website_domain
            and one.crm != other.crm
            and one.age_rank > other.age_rank
            and one.valid_from < other.valid_to
            and other.valid_from < one.valid_to

),

-- What two records with one website say otherwise of the company: 1 differs, 0 agrees, null where
-- one of them says nothing. Names agree where one holds the other, where they begin with one word,
-- and where both hold the website's.
comparisons as (

    select
        website_pairs.one_id,
        website_pairs.other_id,
        greatest(website_pairs.valid_from, one.valid_from, other.valid_from) as valid_from,
        case
            when one.account_name is null or other.account_name is null then null
            when
                {{ plain_name('one.account_name') }}
                like '%' || {{ plain_name('other.account_name') }} || '%'
                or {{ plain_name('other.account_name') }}
                like '%' || {{ plain_name('one.account_name') }} || '%'
                or lower({{ dbt.split_part('trim(one.account_name)', "' '", 1) }})
                = lower({{ dbt.split_part('trim(other.account_name)', "' '", 1) }})
                or (
                    {{ plain_name('one.account_name') }} like '%' || replace({{
                        dbt.split_part('website_pairs.website_domain', "'.'", 1)
                    }}, '-', '') || '%'
                    and {{ plain_name('other.account_name') }} like '%' || replace({{
                        dbt.split_part('website_pairs.website_domain', "'.'", 1)
                    }}, '-', '') || '%'
                )
                then 0
            else 1
        end as is_other_name,
        case
            when one.country is null or other.country is null then null
            when lower(trim(one.country)) = lower(trim(other.country)) then 0
            else 1
        end as is_other_country,
        case
            when one.employees is null or other.employees is null then null
            when
                greatest(one.employees, other.employees)
                <= {{ var('website_max_size_ratio') }} * least(one.employees, other.employees)
                then 0
            else 1
        end as is_other_size
    from website_pairs
    inner join versions as one
        on
            website_pairs.one_id = one.crm_account_id
            and website_pairs.valid_from < one.valid_to
            and one.valid_from < website_pairs.valid_to
    inner join versions as other
        on
            website_pairs.other_id = other.crm_account_id
            and website_pairs.valid_from < other.valid_to
            and other.valid_from < website_pairs.valid_to
    where greatest(one.valid_from, other.valid_from) < least(one.valid_to, other.valid_to)

),

-- Two records with one website are one company from the first day on which something speaks for it,
-- and stay so: a corrected number of employees tears no account apart.
agreements as (

    select one_id, other_id, min(valid_from) as agreed_from
    from comparisons
    where
        coalesce(is_other_name, 0) + coalesce(is_other_country, 0) + coalesce(is_other_size, 0)
        < {{ var('website_min_differences') }}
        or coalesce(is_other_name, 1) + coalesce(is_other_country, 1) + coalesce(is_other_size, 1)
        < 3
    group by one_id, other_id

),

-- Two records said to be one company. Never by name: by what people decided, by the other CRM's id,
-- by the website both have. A website alone joins no strangers: where name, country and size all
-- differ, the two are a proposal.
pairs as (

    select
        left_crm_account_id as one_id,
        right_crm_account_id as other_id,
        case decision when 'accept' then 'accepted' else 'rejected' end as basis,
        1 as precedence,
        valid_from,
        coalesce(valid_to, {{ forever() }}) as valid_to
    from decisions

    union all

    select crm_account_id, synced_crm_account_id, 'synchronised', 2, valid_from, valid_to
    from versions
    where synced_crm_account_id is not null and not is_deleted

    union all

    select
        website_pairs.one_id, website_pairs.other_id, 'website', 3,
        greatest(website_pairs.valid_from, agreements.agreed_from), website_pairs.valid_to
    from website_pairs
    inner join agreements
        on
            website_pairs.one_id = agreements.one_id
            and website_pairs.other_id = agreements.other_id
            and website_pairs.valid_to > agreements.agreed_from

),

directed_pairs as (

    select
        case when one.age_rank > other.age_rank then pairs.one_id else pairs.other_id end
            as crm_account_id,
        case when one.age_rank > other.age_rank then pairs.other_id else pairs.one_id end
            as linked_crm_account_id,
        least(one.age_rank, other.age_rank) as age_rank,
        pairs.basis,
        pairs.precedence,
        pairs.valid_from,
        pairs.valid_to
    from pairs
    inner join ages as one on pairs.one_id = one.crm_account_id
    inner join ages as other on pairs.other_id = other.crm_account_id
    where pairs.one_id != pairs.other_id

),

judged_pairs as (

    {{ winning_claims(
        'directed_pairs', key=['crm_account_id', 'linked_crm_account_id'],
        columns=['age_rank', 'basis', 'precedence'], order_by='directed_pairs.precedence'
    ) }}

),

links as (

    select
        crm_account_id,
        linked_crm_account_id,
        'merged' as basis,
        0 as precedence,
        cast(0 as bigint) as age_rank,
        valid_from,
        {{ forever() }} as valid_to
    from merges

    union all

    select
        crm_account_id, linked_crm_account_id, basis, precedence, age_rank, valid_from, valid_to
    from judged_pairs
    where basis != 'rejected'

)

{{ winning_claims(
    'links', key=['crm_account_id'], columns=['linked_crm_account_id', 'basis'],
    order_by='links.precedence, links.valid_from desc, links.age_rank, links.linked_crm_account_id'
) }}
