{%- set report = ['provider', 'feed', 'domain', 'report_date'] -%}
{%- set of_report = report | join(', ') -%}
{%- set first_day = add_days(replay_start_date(), -var('max_age_days')) -%}
{%- set recent_days = 7 * var('surge_recent_weeks') -%}
{%- set base_days = 7 * var('surge_base_weeks') -%}

with scores as (

    select * from {{ ref('int_intent_scores') }}
    where known_date <= {{ end_date() }}
        and report_date >= {{ add_days(first_day, -(recent_days + base_days)) }}

),

intent_topics as (

    select
        provider,
        topic,
        topic_cluster,
        weight,
        count(*) over (partition by provider, topic_cluster) as cluster_topics
    from {{ ref('intent_topics') }}

),

-- Reports that only count: each version holds until a restated one is known.
counts as (

    select
        provider, feed, domain, topic, report_date, known_date, version_at, interactions,
        coalesce(lead(known_date) over (
            partition by provider, feed, domain, topic, report_date
            order by known_date, version_at
        ), {{ forever() }}) as counted_to,
        min(report_date) over (
            partition by provider, feed order by known_date
            range between unbounded preceding and current row
        ) as first_report_date
    from scores
    where score is null and interactions is not null

),

-- A surge is the last weeks against those before them. A report in which a domain is missing counts
-- nothing for it, so weeks without a row are weeks without interest.
recent_counts as (

    select
        counts.provider, counts.feed, counts.domain, counts.topic, counts.report_date,
        counts.known_date, counts.version_at,
        sum(case
            when past.report_date > {{ add_days('counts.report_date', -recent_days) }}
                then past.interactions
            else 0
        end) as recent,
        sum(case
            when past.report_date <= {{ add_days('counts.report_date', -recent_days) }}
                then past.interactions
            else 0
        end) as earlier,
        least(
            {{ var('surge_base_weeks') }},
            ({{ dbt.datediff('counts.first_report_date', 'counts.report_date', 'day') }}
                - {{ recent_days }}) / 7 + 1
        ) as earlier_weeks
    from counts
    inner join counts as past
        on
            counts.provider = past.provider
            and counts.feed = past.feed
            and counts.domain = past.domain
            and counts.topic = past.topic
            and counts.report_date >= past.report_date
            and past.report_date > {{ add_days('counts.report_date', -(recent_days + base_days)) }}
            and counts.known_date >= past.known_date
            and counts.known_date < past.counted_to
    where counts.report_date >= {{ first_day }}
    group by
        counts.provider, counts.feed, counts.domain, counts.topic, counts.report_date,
        counts.known_date, counts.version_at, counts.first_report_date

),

-- Gamma-Poisson: a rate whose prior is a gamma distribution has (count + a) / (expected + a) as its
-- posterior mean against what was expected, so that a first visit or two is no surge. The rate that
-- is one reads as a surging score, none as the normal one, each doubling as far again.
surges as (

    select
        recent_counts.*,
        least(100, greatest(0, round(
            {{ var('intent_normal_score') }}
            + ({{ var('intent_surging_score') }} - {{ var('intent_normal_score') }})
            * ln(
                (recent + {{ var('surge_prior_interactions') }})
                / (
                    earlier * {{ var('surge_recent_weeks') }}.0 / earlier_weeks
                    + {{ var('surge_prior_interactions') }}
                )
            ) / ln({{ var('surge_min_ratio') }}), 6
        ))) as score
    from recent_counts
    where earlier_weeks >= {{ var('surge_min_base_weeks') }}

),

scored as (

    select provider, feed, domain, topic, report_date, known_date, version_at, score
    from scores
    where score is not null and report_date >= {{ first_day }}
    union all
    select provider, feed, domain, topic, report_date, known_date, version_at, score
    from surges

),

-- Each report's topics, a restated score counting from the day it became known.
topic_versions as (

    select
        scored.*,
        coalesce(intent_topics.topic_cluster, scored.topic) as topic_cluster,
        coalesce(intent_topics.cluster_topics, 1) as cluster_topics,
        cast(round(
            100
            * {{ var('intent_topic_points') }}
            * greatest(scored.score - {{ var('intent_normal_score') }}, 0)
            / (100 - {{ var('intent_normal_score') }}) * coalesce(intent_topics.weight, 1)
        ) as bigint) as topic_points_h,
        case when scored.score >= {{ var('intent_surging_score') }} then 1 else 0 end as surging
    from scored
    left join intent_topics
        on scored.provider = intent_topics.provider and scored.topic = intent_topics.topic

),

topic_changes as (

    select
        topic_versions.*,
        topic_points_h - coalesce(lag(topic_points_h) over topic, 0) as points_change_h,
        surging - coalesce(lag(surging) over topic, 0) as surging_change
    from topic_versions
    window topic as (partition by {{ of_report }}, topic order by known_date, version_at)

),

-- One topic above the line is mostly chance: a cluster counts when enough of its topics surge.
clusters as (

    select
        {{ of_report }},
        topic_cluster,
        known_date,
        sum(surging_change) as surging_change,
        case
            when
                sum(sum(surging_change)) over so_far
                >= {{ var('intent_cluster_min_share') }} * max(cluster_topics)
                and sum(sum(surging_change)) over so_far > 0
                then sum(sum(points_change_h)) over so_far
            else 0
        end as points_so_far_h
    from topic_changes
    group by {{ of_report }}, topic_cluster, known_date
    window so_far as (
        partition by {{ of_report }}, topic_cluster order by known_date
        rows between unbounded preceding and current row
    )

),

cluster_changes as (

    select
        clusters.*,
        points_so_far_h - coalesce(lag(points_so_far_h) over (
            partition by {{ of_report }}, topic_cluster order by known_date
        ), 0) as points_change_h
    from clusters

),

reports as (

    select
        {{ of_report }},
        known_date,
        sum(surging_change) as surging_change,
        least(
            sum(sum(points_change_h)) over (
                partition by {{ of_report }} order by known_date
                rows between unbounded preceding and current row
            ),
            {{ var('intent_report_cap_points') * 100 }}
        ) as capped_so_far_h
    from cluster_changes
    group by {{ of_report }}, known_date

),

changes as (

    select
        reports.*,
        cast(capped_so_far_h - coalesce(lag(capped_so_far_h) over (
            partition by {{ of_report }} order by known_date
        ), 0) as bigint) as base_points_h
    from reports

)

select
    provider,
    feed,
    domain,
    report_date,
    known_date,
    cast(surging_change as bigint) as surging_topics,
    base_points_h
from changes
where base_points_h != 0 or surging_change != 0
