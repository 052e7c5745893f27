with pairs as (

    -- Raw identities whose acts can still count, those that ever did something under their own name
    -- (that verifies a person long after its points are gone), those that we touched (effort counts
    -- since an account was listed) and those of the time that a programme is compared with.
    select distinct
        activities.identity_type,
        activities.identity,
        activities.fallback_identity
    from {{ ref('int_activity_daily') }} as activities
    inner join {{ ref('activity_types') }} as activity_types
        on activities.activity_type = activity_types.activity_type
    where activity_types.proves_presence
        or activity_types.is_touch
        or activities.occurred_date >= (
            select {{ add_days('min(targets.listed_on)', -var('baseline_days')) }}
            from {{ ref('int_target_accounts') }} as targets
        )
        or activities.occurred_date >= {{ add_days(replay_start_date(), -var('max_age_days')) }}

),

people as (

    select * from {{ ref('int_people') }}

),

person_records as (

    select * from {{ ref('int_person_records') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

-- Who owns a domain, whatever gave it to them: each change of reason would cut all its visitors.
domain_accounts as (

    {{ winning_claims(
        'domain_owners', key=['domain'], columns=['account_id'], order_by='domain_owners.account_id'
    ) }}

),

identifies as (

    select anonymous_id, email, email_domain, version_at, known_date as valid_from
    from {{ ref('stg_segment__identifies') }}
    where email is not null

),

known_visitors as (

    {{ versions_in_force('identifies', 'anonymous_id') }}

),

resolutions as (

    select
        ip, domain, version_at,
        {{ backfilled_from(
            ever_since(), 'row_number() over (partition by ip order by version_at) = 1'
        ) }} as valid_from
    from {{ ref('stg_reveal__ip_companies') }}
    where confidence_share >= {{ var('resolver_min_confidence') }} or confidence_share is null

),

resolution_spans as (

    {{ versions_in_force('resolutions', 'ip') }}

),

-- Resolvers repeat themselves: most answers say what the one before said.
resolved_addresses as (

    {{ winning_claims(
        'resolution_spans', key=['ip'], columns=['domain'], order_by='resolution_spans.version_at'
    ) }}

),

record_claims as (

    select
        pairs.identity_type, pairs.identity, pairs.fallback_identity,
        people.account_id, people.person_id, people.seniority,
        {{ dbt.split_part('people.email', "'@'", 2) }} as traffic_domain, 1 as precedence,
        greatest(person_records.valid_from, people.valid_from) as valid_from,
        least(
            person_records.valid_to, people.valid_to,
            coalesce(person_records.shared_from, person_records.valid_to)
        ) as valid_to
    from pairs
    inner join person_records on pairs.identity = person_records.named_id
    inner join people
        on
            person_records.person_id = people.person_id
            and person_records.valid_from < people.valid_to
            and people.valid_from < person_records.valid_to
    where pairs.identity_type = 'person_record'

    union all

    -- What a test record did was done by nobody.
    select
        pairs.identity_type, pairs.identity, pairs.fallback_identity,
        null, null, null, null, 0, person_records.valid_from,
        least(
            person_records.valid_to, coalesce(person_records.shared_from, person_records.valid_to)
        )
    from pairs
    inner join person_records on pairs.identity = person_records.named_id
    where pairs.identity_type = 'person_record' and person_records.is_excluded

    union all

    -- A CRM activity whose person we do not know still belongs to the account it was logged on.
    select
        pairs.identity_type, pairs.identity, pairs.fallback_identity,
        survivors.account_id, null, null, null, 2,
        survivors.valid_from, survivors.valid_to
    from pairs
    inner join survivors on pairs.fallback_identity = survivors.crm_account_id
    where pairs.identity_type = 'person_record'

),

-- Who has a further address is one person under all of them.
address_lists as (

    select person_id, other_emails as ids, valid_from, valid_to from person_records
    where other_emails is not null and not is_excluded

),

listed_addresses as (

    {{ listed_ids('address_lists', other_letters='@._+') }}

),

further_addresses as (

    select distinct
        {{ normalised_email('listed_id') }} as email, person_id, valid_from, valid_to
    from listed_addresses

),

visitor_claims as (

    select
        pairs.identity_type, pairs.identity, pairs.fallback_identity,
        people.account_id, people.person_id, people.seniority,
        known_visitors.email_domain as traffic_domain, 1 as precedence,
        greatest(known_visitors.valid_from, people.valid_from) as valid_from,
        least(known_visitors.valid_to, people.valid_to) as valid_to
    from pairs
    inner join known_visitors on pairs.identity = known_visitors.anonymous_id
    inner join people
        on
            known_visitors.email = people.person_id
            and known_visitors.valid_from < people.valid_to
            and people.valid_from < known_visitors.valid_to
    where pairs.identity_type = 'visitor'

    union all

    select
        pairs.identity_type, pairs.identity, pairs.fallback_identity,
        people.account_id, people.person_id, people.seniority, known_visitors.email_domain, 2,
        greatest(known_visitors.valid_from, further_addresses.valid_from, people.valid_from),
        least(known_visitors.valid_to, further_addresses.valid_to, people.valid_to)
    from pairs
    inner join known_visitors on pairs.identity = known_visitors.anonymous_id
    inner join further_addresses
        on
            known_visitors.email = further_addresses.email
            and known_visitors.valid_from < further_addresses.valid_to
            and further_addresses.valid_from < known_visitors.valid_to
    inner join people
        on
            further_addresses.person_id = people.person_id
            and known_visitors.valid_from < people.valid_to
            and people.valid_from < known_visitors.valid_to
    where pairs.identity_type = 'visitor'

    union all

    select
        pairs.identity_type, pairs.identity, pairs.fallback_identity,
        domain_accounts.account_id, known_visitors.email, null, known_visitors.email_domain, 3,
        greatest(known_visitors.valid_from, domain_accounts.valid_from),
        least(known_visitors.valid_to, domain_accounts.valid_to)
    from pairs
    inner join known_visitors on pairs.identity = known_visitors.anonymous_id
    inner join domain_accounts
        on
            known_visitors.email_domain = domain_accounts.domain
            and known_visitors.valid_from < domain_accounts.valid_to
            and domain_accounts.valid_from < known_visitors.valid_to
    where pairs.identity_type = 'visitor'

    union all

    select
        pairs.identity_type, pairs.identity, pairs.fallback_identity,
        domain_accounts.account_id, 'visitor:' || pairs.identity, null,
        resolved_addresses.domain, 4,
        greatest(resolved_addresses.valid_from, domain_accounts.valid_from),
        least(resolved_addresses.valid_to, domain_accounts.valid_to)
    from pairs
    inner join resolved_addresses on pairs.fallback_identity = resolved_addresses.ip
    inner join domain_accounts
        on
            resolved_addresses.domain = domain_accounts.domain
            and resolved_addresses.valid_from < domain_accounts.valid_to
            and domain_accounts.valid_from < resolved_addresses.valid_to
    where pairs.identity_type = 'visitor'

),

claims as (

    select * from record_claims
    where valid_from < valid_to
    union all
    select * from visitor_claims
    where valid_from < valid_to

),

winners as (

    {{ winning_claims(
        'claims', key=['identity_type', 'identity', 'fallback_identity'],
        columns=['account_id', 'person_id', 'seniority', 'traffic_domain'],
        order_by='claims.precedence, claims.account_id'
    ) }}

)

select
    identity_type,
    identity,
    fallback_identity,
    account_id,
    person_id,
    coalesce(seniority, 'other') as seniority,
    -- Whose traffic it is, for the rules that leave some out: of the address or of the resolver.
    traffic_domain,
    valid_from,
    valid_to
from winners
where account_id is not null

union all

select
    'crm_account' as identity_type,
    crm_account_id as identity,
    '' as fallback_identity,
    account_id,
    cast(null as {{ dbt.type_string() }}) as person_id,
    'other' as seniority,
    cast(null as {{ dbt.type_string() }}) as traffic_domain,
    valid_from,
    valid_to
from survivors

union all

select
    'domain' as identity_type,
    domain as identity,
    '' as fallback_identity,
    account_id,
    cast(null as {{ dbt.type_string() }}) as person_id,
    'other' as seniority,
    domain as traffic_domain,
    valid_from,
    valid_to
from domain_owners
