with versions as (

    select * from {{ ref('int_account_versions') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

-- A record merged into another is gone itself; its website goes with it to the other one.
merges as (

    select crm_account_id, min(valid_from) as merged_on
    from {{ ref('int_account_links') }}
    where basis = 'merged'
    group by crm_account_id

),

memberships as (

    select * from {{ ref('int_target_memberships') }}

),

contacts as (

    select * from {{ ref('int_person_versions') }}
    where crm_account_id is not null and not is_deleted and not is_excluded

),

overrides as (

    select * from {{ ref('domain_owner_overrides') }}

),

excluded_domains as (

    select * from {{ ref('int_excluded_domains') }}

),

-- Who the contacts' addresses say a domain belongs to, looked at on the first of each month. What
-- is seen then changes only after a contact or its account has, so those months are all there are to
-- look at, in whatever days a run computes.
contact_changes as (

    select email_domain as domain, valid_from as changed_on
    from contacts
    where email_domain is not null
    union
    select email_domain as domain, valid_to as changed_on
    from contacts
    where email_domain is not null and valid_to < {{ forever() }}
    union
    -- Or an account's records have become one.
    select contacts.email_domain, survivors.valid_from
    from contacts
    inner join survivors
        on
            contacts.crm_account_id = survivors.crm_account_id
            and survivors.valid_from > contacts.valid_from
            and survivors.valid_from < contacts.valid_to
    where contacts.email_domain is not null

),

looks as (

    select distinct
        domain,
        case
            when changed_on = cast({{ dbt.date_trunc('month', 'changed_on') }} as date)
                then changed_on
            else
                cast({{ dbt.dateadd('month', 1, dbt.date_trunc('month', 'changed_on')) }} as date)
        end as looked_on
    from contact_changes

),

months as (

    select
        domain,
        looked_on as valid_from,
        coalesce(
            lead(looked_on) over (partition by domain order by looked_on), {{ forever() }}
        ) as valid_to
    from looks

),

-- Two CRMs that hold one company's people speak for one account, not against each other.
contact_counts as (

    select
        months.domain,
        months.valid_from,
        months.valid_to,
        coalesce(survivors.account_id, contacts.crm_account_id) as crm_account_id,
        count(*) as people,
        sum(count(*)) over (partition by months.domain, months.valid_from) as all_people
    from months
    inner join contacts
        on
            months.domain = contacts.email_domain
            and months.valid_from >= contacts.valid_from
            and months.valid_from < contacts.valid_to
    left join survivors
        on
            contacts.crm_account_id = survivors.crm_account_id
            and months.valid_from >= survivors.valid_from
            and months.valid_from < survivors.valid_to
    group by
        months.domain, months.valid_from, months.valid_to,
        coalesce(survivors.account_id, contacts.crm_account_id)

),

ages as (

    select crm_account_id, min(created_date) as created_date, min(valid_from) as known_from
    from versions
    group by crm_account_id

),

-- The website first, then the further domains that a CRM keeps of an account.
further_domains as (

    select
        versions.crm_account_id, versions.valid_from, versions.valid_to, versions.is_deleted,
        versions.other_domains as ids
    from versions
    where versions.other_domains is not null and not versions.is_excluded

),

listed_domains as (

    {{ listed_ids('further_domains', other_letters='.') }}

),

websites as (

    select crm_account_id, website_domain as domain, is_deleted, valid_from, valid_to
    from versions
    where website_domain is not null and not is_excluded

    union

    select
        crm_account_id,
        regexp_replace(lower(listed_id), '^www[.]', ''),
        is_deleted,
        valid_from,
        valid_to
    from listed_domains
    where listed_id like '%.%'

),

claims as (

    -- To an account that nobody knows a domain cannot go; `review_items` lists such rows.
    select
        overrides.domain,
        ages.crm_account_id,
        1 as precedence,
        'override' as claim_source,
        greatest(overrides.valid_from, ages.known_from) as valid_from,
        coalesce(overrides.valid_to, {{ forever() }}) as valid_to
    from overrides
    inner join ages on {{ long_id('overrides.crm_account_id') }} = ages.crm_account_id

    union all

    select domain, crm_account_id, 2, 'target_list', valid_from, valid_to
    from memberships
    where domain is not null and crm_account_id is not null

    union all

    select
        websites.domain, websites.crm_account_id, 3, 'crm_website',
        case
            when websites.is_deleted then greatest(websites.valid_from, merges.merged_on)
            else websites.valid_from
        end,
        websites.valid_to
    from websites
    left join merges on websites.crm_account_id = merges.crm_account_id
    where not websites.is_deleted or merges.merged_on is not null

    union all

    select
        domain, crm_account_id, 4, 'contact_majority', valid_from, valid_to
    from contact_counts
    where people >= {{ var('contact_majority_min_people') }}
        and people > {{ var('contact_majority_min_share') }} * all_people

),

-- A claim is its account's, and follows the account through merges.
account_claims as (

    select
        claims.domain,
        coalesce(survivors.account_id, claims.crm_account_id) as account_id,
        claims.precedence,
        claims.claim_source,
        coalesce(ages.created_date, {{ forever() }}) as created_date,
        greatest(claims.valid_from, coalesce(survivors.valid_from, claims.valid_from))
            as valid_from,
        least(claims.valid_to, coalesce(survivors.valid_to, claims.valid_to)) as valid_to
    from claims
    left join survivors
        on
            claims.crm_account_id = survivors.crm_account_id
            and claims.valid_from < survivors.valid_to
            and survivors.valid_from < claims.valid_to
    left join ages on claims.crm_account_id = ages.crm_account_id

    union all

    -- A target named by its domain alone is an account of its own as long as no other has the
    -- domain.
    select
        domain,
        'domain:' || domain as account_id,
        5 as precedence,
        'target_by_domain' as claim_source,
        {{ forever() }} as created_date,
        valid_from,
        valid_to
    from memberships
    where domain is not null and crm_account_id is null

)

select
    account_claims.domain,
    account_claims.account_id,
    account_claims.claim_source,
    account_claims.precedence,
    account_claims.created_date,
    excluded_domains.kind as excluded_as,
    account_claims.valid_from,
    account_claims.valid_to
from account_claims
left join excluded_domains on account_claims.domain = excluded_domains.domain
where account_claims.valid_from < account_claims.valid_to
