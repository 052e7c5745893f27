with domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

universe as (

    select provider, domain, seen_on, known_date
    from {{ ref('stg_intent_coverage__domains') }}
    where domain is not null

),

reports as (

    select provider, domain, report_date as seen_on, min(known_date) as known_date
    from {{ ref('stg_bombora__company_surge') }}
    where domain is not null
        and report_date >= {{ add_days(replay_start_date(), -var('observable_days')) }}
    group by provider, domain, report_date

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

people as (

    select * from {{ ref('int_people') }}
    where is_contactable

),

evidence as (

    select
        'intent' as channel, domain,
        greatest(seen_on, known_date) as valid_from,
        {{ add_days('seen_on', var('observable_days')) }} as valid_to
    from universe

    union all

    select
        'intent', reports.domain,
        greatest(reports.seen_on, reports.known_date),
        least(
            {{ add_days('reports.seen_on', var('observable_days')) }},
            coalesce(universe_starts.known_date, {{ forever() }})
        )
    from reports
    left join universe_starts on reports.provider = universe_starts.provider

    union all

    select
        'web', domain, greatest(seen_on, known_date),
        {{ add_days('seen_on', var('observable_days')) }}
    from resolutions

),

domain_spans as (

    select
        domain_owners.account_id,
        evidence.channel,
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

    select account_id, channel, valid_from, valid_to from domain_spans
    union all
    select account_id, 'contacts', valid_from, valid_to from people

)

select * from spans
where valid_from < valid_to
    and valid_to > {{ replay_start_date() }}
    and valid_from <= {{ end_date() }}
