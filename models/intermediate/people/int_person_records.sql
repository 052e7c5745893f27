with versions as (

    select * from {{ ref('int_person_versions') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

outcomes as (

    {{ rows_of_sources('outcomes', [
        'record_id', 'outcome', 'version_at', 'known_date'
    ]) }}

),

merged_ids as (

    select record_id, source_instance, '' as id_prefix, valid_from, merged_record_ids as ids
    from versions
    where merged_record_ids is not null

    {% for source in sources_of('merges') %}
    union all

    select record_id, source_instance, id_prefix, known_date, merged_record_ids
    from {{ ref(source.model) }}
    {%- if not source.is_on %}
    where 1 = 0
    {%- endif %}
    {% endfor %}

),

listed_merges as (

    {{ listed_ids('merged_ids') }}

),

losers as (

    select
        id_prefix || {{ record_id('listed_id', 'source_instance') }} as loser_id,
        record_id,
        valid_from
    from listed_merges

),

-- Which record stands for another: the contact a lead was converted to, the winner of a merge, the
-- CRM's record that a marketing system copies.
links as (

    select
        loser_id as record_id,
        record_id as linked_record_id,
        1 as precedence,
        min(valid_from) as valid_from,
        {{ forever() }} as valid_to
    from losers
    group by loser_id, record_id

    union all

    select record_id, linked_record_id, 2, min(valid_from), {{ forever() }}
    from versions
    where linked_record_id is not null
    group by record_id, linked_record_id

    union all

    select record_id, synced_record_id, 3, min(valid_from), {{ forever() }}
    from versions
    where synced_record_id is not null
    group by record_id, synced_record_id

),

known_links as (

    {{ winning_claims(
        'links', key=['record_id'], columns=['linked_record_id'],
        order_by='links.precedence, links.valid_from desc, links.linked_record_id'
    ) }}

),

linked_records as (

    select known_links.record_id, min(known_links.valid_from) as valid_from
    from known_links
    group by known_links.record_id

),

linked_starts as (

    select
        linked_records.record_id,
        least(
            linked_records.valid_from, coalesce(min(versions.valid_from), linked_records.valid_from)
        ) as valid_from
    from linked_records
    left join versions on linked_records.record_id = versions.record_id
    group by linked_records.record_id, linked_records.valid_from

),

final_records as (

    {{ follow_links('linked_starts', 'known_links') }}

),

-- Who has a further address is one person under all of them.
address_lists as (

    select email, other_emails as ids, valid_from, valid_to from versions
    where other_emails is not null and email is not null and not is_excluded

),

listed_addresses as (

    {{ listed_ids('address_lists', other_letters='@._+') }}

),

further_addresses as (

    select
        versions.record_id,
        listed_addresses.email,
        greatest(listed_addresses.valid_from, versions.valid_from) as valid_from,
        least(listed_addresses.valid_to, versions.valid_to) as valid_to
    from listed_addresses
    inner join versions
        on
            {{ normalised_email('listed_addresses.listed_id') }} = versions.email
            and listed_addresses.email != versions.email
            and listed_addresses.valid_from < versions.valid_to
            and versions.valid_from < listed_addresses.valid_to

),

-- The person a linked record stands for: the last record of its links by its address; while that is
-- not known, its own.
person_claims as (

    select
        final_records.record_id,
        coalesce(final_versions.email, final_versions.record_id) as person_id,
        1 as precedence,
        greatest(final_records.valid_from, final_versions.valid_from) as valid_from,
        least(final_records.valid_to, final_versions.valid_to) as valid_to
    from final_records
    inner join versions as final_versions
        on
            final_records.current_id = final_versions.record_id
            and final_records.valid_from < final_versions.valid_to
            and final_versions.valid_from < final_records.valid_to
    -- Of a record of which nothing is known yet the other's address says more.
    where final_versions.email is not null or final_versions.crm_account_id is not null

    union all

    select
        final_records.record_id,
        coalesce(versions.email, final_records.current_id),
        2,
        greatest(final_records.valid_from, versions.valid_from),
        least(final_records.valid_to, versions.valid_to)
    from final_records
    inner join versions
        on
            final_records.record_id = versions.record_id
            and final_records.valid_from < versions.valid_to
            and versions.valid_from < final_records.valid_to

    union all

    select record_id, email, 3, valid_from, valid_to from further_addresses

    union all

    select record_id, coalesce(email, record_id), 4, valid_from, valid_to from versions
    where record_id in (select further_addresses.record_id from further_addresses)

),

linked_people as (

    {{ winning_claims(
        'person_claims', key=['record_id'], columns=['person_id'],
        order_by='person_claims.precedence, person_claims.person_id'
    ) }}

),

{%- set kept = [
    'crm_account_id', 'email', 'email_domain', 'other_emails', 'title', 'department', 'buying_role',
    'is_deleted', 'is_excluded', 'created_date', 'source_rank', 'seats_told_from'
] %}

records as (

    select
        versions.record_id,
        coalesce(linked_people.person_id, versions.email, versions.record_id) as person_id,
        {%- for column in kept %}
        versions.{{ column }},
        {%- endfor %}
        versions.named_id,
        versions.shared_from,
        greatest(versions.valid_from, coalesce(linked_people.valid_from, versions.valid_from))
            as valid_from,
        least(versions.valid_to, coalesce(linked_people.valid_to, versions.valid_to)) as valid_to
    from versions
    left join linked_people
        on
            versions.record_id = linked_people.record_id
            and versions.valid_from < linked_people.valid_to
            and linked_people.valid_from < versions.valid_to

    union all

    -- A record known only as merged into another is what the other is.
    select
        final_records.record_id,
        coalesce(final_versions.email, final_versions.record_id),
        {%- for column in kept %}
        final_versions.{{ column }},
        {%- endfor %}
        final_records.record_id,
        cast(null as date),
        greatest(final_records.valid_from, final_versions.valid_from),
        least(final_records.valid_to, final_versions.valid_to)
    from final_records
    inner join versions as final_versions
        on
            final_records.current_id = final_versions.record_id
            and final_records.valid_from < final_versions.valid_to
            and final_versions.valid_from < final_records.valid_to
    left join versions on final_records.record_id = versions.record_id
    where versions.record_id is null

),

-- Who says for a record that an outcome holds no more: the record itself, and in its own system the
-- one that took its place.
spoken_for as (

    select distinct
        record_id, source_system, record_id as speaker_id, {{ ever_since() }} as speaks_from
    from versions

    union all

    select
        versions.record_id,
        versions.source_system,
        final_records.current_id,
        min(final_records.valid_from)
    from final_records
    inner join versions on final_records.record_id = versions.record_id
    where final_records.current_id != final_records.record_id
    group by versions.record_id, versions.source_system, final_records.current_id

),

flags as (

    select
        record_id, source_system, email, valid_from, is_bounced, is_opted_out,
        coalesce(lag(is_bounced) over record, false) as was_bounced,
        coalesce(lag(is_opted_out) over record, false) as was_opted_out
    from versions
    window record as (partition by record_id order by valid_from)

),

-- An opt-out as a record says it or an event of it.
opt_outs as (

    select record_id, valid_from as said_on from flags
    where is_opted_out and not was_opted_out

    union

    select record_id, known_date from outcomes
    where outcome = 'opted_out'

),

opt_out_spans as (

    select
        opt_outs.record_id,
        opt_outs.said_on,
        coalesce(
            min(case when flags.valid_from is not null
                then greatest(flags.valid_from, spoken_for.speaks_from) end),
            {{ forever() }}
        ) as said_until
    from opt_outs
    left join spoken_for on opt_outs.record_id = spoken_for.record_id
    left join flags
        on
            spoken_for.speaker_id = flags.record_id
            and spoken_for.source_system = flags.source_system
            and flags.was_opted_out
            and not flags.is_opted_out
            and opt_outs.said_on < flags.valid_from
    group by opt_outs.record_id, opt_outs.said_on

),

-- It is the person's: it holds for each record that has or had an address of the one that says it,
-- and for whoever such a record stands for.
refused_addresses as (

    select
        records.email,
        greatest(opt_out_spans.said_on, records.valid_from) as valid_from,
        opt_out_spans.said_until as valid_to
    from opt_out_spans
    inner join records on opt_out_spans.record_id = records.record_id
    where records.email is not null and records.valid_from < opt_out_spans.said_until

),

refusing_records as (

    select record_id, said_on as valid_from, said_until as valid_to from opt_out_spans

    union

    select
        records.record_id,
        greatest(refused_addresses.valid_from, records.valid_from),
        refused_addresses.valid_to
    from refused_addresses
    inner join records
        on
            refused_addresses.email = records.email
            and records.valid_from < refused_addresses.valid_to

),

refusing_people as (

    select distinct
        records.person_id,
        greatest(refusing_records.valid_from, records.valid_from) as valid_from,
        refusing_records.valid_to
    from refusing_records
    inner join records
        on
            refusing_records.record_id = records.record_id
            and records.valid_from < refusing_records.valid_to

),

refusals as (

    {{ winning_claims(
        'refusing_people', key=['person_id'], columns=[], order_by='refusing_people.valid_from'
    ) }}

),

-- A bounce is the address's: the one at which a record's flag rose, or which the record had when
-- the mail came back. A flag that stays up when the record gets another address says nothing of
-- that one.
bounce_events as (

    select
        outcomes.record_id,
        versions.email,
        greatest(outcomes.known_date, versions.valid_from) as said_on,
        row_number() over (
            partition by outcomes.record_id, outcomes.version_at, outcomes.known_date
            order by
                versions.valid_from <= outcomes.known_date desc,
                case when versions.valid_from > outcomes.known_date
                    then versions.valid_from end asc,
                versions.version_at <= outcomes.version_at desc,
                case when versions.version_at <= outcomes.version_at
                    then versions.version_at end desc,
                versions.version_at asc,
                versions.valid_from asc
        ) as choice
    from outcomes
    inner join versions on outcomes.record_id = versions.record_id
    where outcomes.outcome = 'bounced' and versions.email is not null

),

bounces as (

    select record_id, email, valid_from as said_on from flags
    where is_bounced and not was_bounced and email is not null

    union

    select record_id, email, said_on from bounce_events
    where choice = 1

),

bounce_spans as (

    select
        bounces.record_id,
        bounces.email,
        bounces.said_on as valid_from,
        coalesce(
            min(case when flags.valid_from is not null
                then greatest(flags.valid_from, spoken_for.speaks_from) end),
            {{ forever() }}
        ) as valid_to
    from bounces
    left join spoken_for on bounces.record_id = spoken_for.record_id
    left join flags
        on
            spoken_for.speaker_id = flags.record_id
            and spoken_for.source_system = flags.source_system
            and flags.email = bounces.email
            and flags.was_bounced
            and not flags.is_bounced
            and bounces.said_on < flags.valid_from
    group by bounces.record_id, bounces.email, bounces.said_on

),

bounced_addresses as (

    {{ winning_claims(
        'bounce_spans', key=['email'], columns=[], order_by='bounce_spans.valid_from'
    ) }}

),

deletions as (

    select record_id, min(known_date) as deleted_on
    from outcomes
    where outcome = 'deleted'
    group by record_id

),

absence_claims as (

    select
        record_id, 'deleted' as absence_reason, 1 as claim_order, valid_from, valid_to
    from records
    where is_deleted

    union all

    select
        records.record_id, 'deleted', 1, greatest(records.valid_from, deletions.deleted_on),
        records.valid_to
    from records
    inner join deletions
        on records.record_id = deletions.record_id and deletions.deleted_on < records.valid_to

    union all

    select
        records.record_id, 'opted_out', 2, greatest(records.valid_from, refusals.valid_from),
        least(records.valid_to, refusals.valid_to)
    from records
    inner join refusals
        on
            records.person_id = refusals.person_id
            and records.valid_from < refusals.valid_to
            and refusals.valid_from < records.valid_to

    union all

    select
        records.record_id, 'bounced', 3,
        greatest(records.valid_from, bounced_addresses.valid_from),
        least(records.valid_to, bounced_addresses.valid_to)
    from records
    inner join bounced_addresses
        on
            records.email = bounced_addresses.email
            and records.valid_from < bounced_addresses.valid_to
            and bounced_addresses.valid_from < records.valid_to

),

standing_claims as (

    select * from absence_claims

    union all

    select record_id, null, 9, valid_from, valid_to from records
    where record_id in (select absence_claims.record_id from absence_claims)

),

-- Whether somebody is there, of those who were once absent.
standings as (

    {{ winning_claims(
        'standing_claims', key=['record_id'], columns=['absence_reason'],
        order_by='standing_claims.claim_order'
    ) }}

),

-- Whose a domain is at any time, also before its first owner and after its last: a person is still
-- there when nobody owns the domain of the address.
owners_or_none as (

    select domain, account_id, 1 as precedence, valid_from, valid_to from domain_owners

    union all

    select distinct domain, cast(null as {{ dbt.type_string() }}), 2, {{ ever_since() }},
        {{ forever() }}
    from domain_owners

),

domain_accounts as (

    {{ winning_claims(
        'owners_or_none', key=['domain'], columns=['account_id'],
        order_by='owners_or_none.precedence'
    ) }}

),

-- An account id in the CRM says whose person it is; without one the owner of the address's domain.
placed as (

    select
        records.*,
        survivors.account_id,
        1 as precedence,
        greatest(records.valid_from, survivors.valid_from) as placed_from,
        least(records.valid_to, survivors.valid_to) as placed_to
    from records
    inner join survivors
        on
            records.crm_account_id = survivors.crm_account_id
            and records.valid_from < survivors.valid_to
            and survivors.valid_from < records.valid_to

    union all

    select
        records.*,
        domain_accounts.account_id,
        2 as precedence,
        greatest(records.valid_from, coalesce(domain_accounts.valid_from, records.valid_from)),
        least(records.valid_to, coalesce(domain_accounts.valid_to, records.valid_to))
    from records
    left join domain_accounts
        on
            records.email_domain = domain_accounts.domain
            and records.valid_from < domain_accounts.valid_to
            and domain_accounts.valid_from < records.valid_to
    left join survivors
        on
            records.crm_account_id = survivors.crm_account_id
            and survivors.valid_to = {{ forever() }}
    where survivors.crm_account_id is null

),

judged as (

    select
        placed.*,
        standings.absence_reason,
        greatest(placed.placed_from, coalesce(standings.valid_from, placed.placed_from))
            as judged_from,
        least(placed.placed_to, coalesce(standings.valid_to, placed.placed_to)) as judged_to
    from placed
    left join standings
        on
            placed.record_id = standings.record_id
            and placed.placed_from < standings.valid_to
            and standings.valid_from < placed.placed_to

)

select
    record_id,
    person_id,
    case when not is_excluded then account_id end as account_id,
    crm_account_id,
    email,
    other_emails,
    title,
    department,
    buying_role,
    absence_reason is null and email is not null as is_contactable,
    absence_reason is null as is_present,
    absence_reason,
    is_excluded,
    created_date,
    precedence,
    source_rank,
    named_id,
    shared_from,
    seats_told_from,
    judged_from as valid_from,
    judged_to as valid_to
from judged
where judged_from < judged_to
