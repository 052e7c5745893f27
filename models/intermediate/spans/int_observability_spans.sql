{#- Where a source of intent is switched off, coverage counts only of providers whom the others
    bring: a list of whom a provider sees says nothing if nothing of what it sees counts. -#}
{%- set is_intent_cut =
    sources_of('intent_scores') | rejectattr('is_on') | list | length > 0 -%}

with domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

universe as (

    select provider, domain, seen_on, known_date
    from {{ ref('stg_intent_coverage__domains') }}
    where domain is not null

),

reports as (

    select provider, feed, domain, report_date as seen_on, min(known_date) as known_date
    from {{ ref('int_intent_scores') }}
    group by provider, feed, domain, report_date

),

provider_feeds as (

    select provider, feed, min(known_date) as known_date
    from reports
    group by provider, feed

),

-- A provider's delivered universe says whom it can see; without one, the domains in its files do.
universe_starts as (

    select provider, min(known_date) as known_date from universe
    group by provider

),

resolutions as (

    select domain, {{ to_day('version_at') }} as seen_on, known_date
    from {{ ref('stg_reveal__ip_companies') }}
    where domain is not null
        and (confidence_share >= {{ var('resolver_min_confidence') }} or confidence_share is null)

),

ad_matches as (

    select domain, occurred_date as seen_on, min(known_date) as known_date
    from {{ ref('int_activities') }}
    where source_system = 'linkedin_ads'
    group by domain, occurred_date

),

people as (

    select * from {{ ref('int_people') }}
    where is_contactable

),

feed_gaps as (

    select * from {{ ref('int_feed_gaps') }}

),

observability_channels as (

    select * from {{ ref('observability_channels') }}

),

-- The feed of an intent provider is its own: one that is silent blinds nobody whom another sees.
evidence as (

    select
        'intent' as channel,
        coalesce(provider_feeds.feed, 'intent_coverage.domains') as feed,
        universe.domain,
        universe.seen_on as evidence_on,
        greatest(
            universe.seen_on,
            universe.known_date{{ ', provider_feeds.known_date' if is_intent_cut }}
        ) as valid_from,
        {{ add_days('universe.seen_on', var('observable_days')) }} as valid_to
    from universe
    {{ 'inner' if is_intent_cut else 'left' }} join provider_feeds
        on universe.provider = provider_feeds.provider

    union all

    select
        'intent', reports.feed, reports.domain, reports.seen_on,
        greatest(reports.seen_on, reports.known_date),
        least(
            {{ add_days('reports.seen_on', var('observable_days')) }},
            coalesce(universe_starts.known_date, {{ forever() }})
        )
    from reports
    left join universe_starts on reports.provider = universe_starts.provider

    union all

    select
        'web', 'web', domain, seen_on, greatest(seen_on, known_date),
        {{ add_days('seen_on', var('observable_days')) }}
    from resolutions

    union all

    select
        'ads', 'ads', domain, seen_on, greatest(seen_on, known_date),
        {{ add_days('seen_on', var('observable_days')) }}
    from ad_matches

),

domain_spans as (

    select
        domain_owners.account_id,
        evidence.channel,
        evidence.feed,
        evidence.evidence_on,
        greatest(evidence.valid_from, domain_owners.valid_from) as valid_from,
        least(evidence.valid_to, domain_owners.valid_to) as valid_to
    from evidence
    inner join domain_owners
        on
            evidence.domain = domain_owners.domain
            and evidence.valid_from < domain_owners.valid_to
            and domain_owners.valid_from < evidence.valid_to

),

spans as (

    select account_id, channel, feed, evidence_on, valid_from, valid_to from domain_spans
    union all
    -- That a person can be written to is known since the person is on file.
    select
        account_id, 'contacts', 'contacts', least(created_date, valid_from), valid_from, valid_to
    from people

),

past_and_current_spans as (

    select
        *,
        valid_to > {{ replay_start_date() }} as is_current
    from spans
    where valid_from < valid_to and valid_from <= {{ end_date() }}

),

current_spans as (

    select account_id, channel, feed, evidence_on, valid_from, valid_to
    from past_and_current_spans
    where is_current

),

-- Of what held no longer when the replay begins only when it was seen last.
past_spans as (

    select
        account_id,
        channel,
        max(evidence_on) as evidence_on,
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from past_and_current_spans
    where not is_current
    group by account_id, channel

),

-- Whether the feed or channel is fresh: it is not while any table it needs is stale.
freshness as (

    select distinct
        feed, true as is_fresh, 2 as precedence, {{ ever_since() }} as valid_from,
        {{ forever() }} as valid_to
    from current_spans

    union all

    select
        case when observability_channels.channel = 'intent' then feed_gaps.feed
            else observability_channels.channel end,
        false, 1, feed_gaps.valid_from, feed_gaps.valid_to
    from feed_gaps
    inner join observability_channels
        on
            feed_gaps.source = observability_channels.source
            and feed_gaps.table_name = observability_channels.table_name

),

fresh_spans as (

    {{ winning_claims(
        'freshness', key=['feed'], columns=['is_fresh'], order_by='freshness.precedence'
    ) }}

)

select account_id, 'observable_' || channel as measure, evidence_on, valid_from, valid_to
from current_spans

union all

select account_id, 'observable_' || channel as measure, evidence_on, valid_from, valid_to
from past_spans

union all

select
    current_spans.account_id,
    'seen_' || current_spans.channel as measure,
    current_spans.evidence_on,
    greatest(current_spans.valid_from, fresh_spans.valid_from) as valid_from,
    least(current_spans.valid_to, fresh_spans.valid_to) as valid_to
from current_spans
inner join fresh_spans
    on
        current_spans.feed = fresh_spans.feed
        and fresh_spans.is_fresh
        and current_spans.valid_from < fresh_spans.valid_to
        and fresh_spans.valid_from < current_spans.valid_to
