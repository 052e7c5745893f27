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
    where report_date >= {{ add_days(replay_start_date(), -var('observable_days')) }}
    group by provider, feed, domain, report_date

),

provider_feeds as (

    select distinct provider, feed from {{ ref('int_intent_scores') }}

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
        greatest(universe.seen_on, universe.known_date) as valid_from,
        {{ add_days('universe.seen_on', var('observable_days')) }} as valid_to
    from universe
    left join provider_feeds on universe.provider = provider_feeds.provider

    union all

    select
        'intent', reports.feed, reports.domain,
        greatest(reports.seen_on, reports.known_date),
        least(
            {{ add_days('reports.seen_on', var('observable_days')) }},
            coalesce(universe_starts.known_date, {{ forever() }})
        )
    from reports
    left join universe_starts on reports.provider = universe_starts.provider

    union all

    select
        'web', 'web', domain, greatest(seen_on, known_date),
        {{ add_days('seen_on', var('observable_days')) }}
    from resolutions

    union all

    select
        'ads', 'ads', domain, greatest(seen_on, known_date),
        {{ add_days('seen_on', var('observable_days')) }}
    from ad_matches

),

domain_spans as (

    select
        domain_owners.account_id,
        evidence.channel,
        evidence.feed,
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

    select account_id, channel, feed, valid_from, valid_to from domain_spans
    union all
    select account_id, 'contacts', 'contacts', valid_from, valid_to from people

),

current_spans as (

    select * from spans
    where valid_from < valid_to
        and valid_to > {{ replay_start_date() }}
        and valid_from <= {{ end_date() }}

),

-- Whether the feed or channel is fresh: it is not while any table it needs is stale.
freshness as (

    select distinct
        feed, true as is_fresh, 2 as precedence, cast('1900-01-01' as date) as valid_from,
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

select account_id, 'observable_' || channel as measure, valid_from, valid_to
from current_spans

union all

select
    current_spans.account_id,
    'seen_' || current_spans.channel as measure,
    greatest(current_spans.valid_from, fresh_spans.valid_from) as valid_from,
    least(current_spans.valid_to, fresh_spans.valid_to) as valid_to
from current_spans
inner join fresh_spans
    on
        current_spans.feed = fresh_spans.feed
        and fresh_spans.is_fresh
        and current_spans.valid_from < fresh_spans.valid_to
        and fresh_spans.valid_from < current_spans.valid_to
