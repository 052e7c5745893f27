{{ config(materialized='view') }}

with reports as (

    {{ rows_of_sources('intent_scores', [
        'provider', 'source_system', 'source_instance', 'source_table', 'domain', 'topic',
        'score', 'interactions', 'people', 'report_date', 'version_at', 'is_first_load',
        'known_date'
    ]) }}

),

providers as (

    select * from {{ ref('intent_providers') }}

)

-- A provider's own score on the common scale, linear between four points: its lowest is 0, what it
-- calls normal and surging are what we call so, its highest is 100.
select
    reports.provider,
    {{ feed_name('reports.') }} as feed,
    reports.domain,
    reports.topic,
    case
        when reports.score is null then null
        when reports.score <= providers.normal_score then
            {{ var('intent_normal_score') }}
            * (greatest(reports.score, providers.lowest_score) - providers.lowest_score)
            / (providers.normal_score - providers.lowest_score)
        when reports.score <= providers.surging_score then
            {{ var('intent_normal_score') }}
            + ({{ var('intent_surging_score') }} - {{ var('intent_normal_score') }})
            * (reports.score - providers.normal_score)
            / (providers.surging_score - providers.normal_score)
        else
            {{ var('intent_surging_score') }}
            + (100.0 - {{ var('intent_surging_score') }})
            * (least(reports.score, providers.highest_score) - providers.surging_score)
            / (providers.highest_score - providers.surging_score)
    end as score,
    providers.provider is not null as is_known_provider,
    reports.interactions,
    reports.people,
    reports.report_date,
    reports.version_at,
    reports.is_first_load,
    reports.known_date
from reports
left join providers on reports.provider = providers.provider
where reports.domain is not null
