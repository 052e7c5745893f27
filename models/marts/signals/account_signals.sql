{%- set day = end_date() -%}
{%- set channels = ['intent', 'web', 'contacts', 'ads'] -%}
{#- Where acts that momentum compares can be seen; a report of intent is none. -#}
{%- set act_channels = ['web', 'contacts', 'ads'] -%}

with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

acts as (

    select * from {{ ref('int_account_acts') }}
    where {{ on_last_day() }}
        and (base_points_h > 0 or (channel = 'intent' and quantity > 0))

),

-- By channel the latest evidence that it can see the account, and whether it still holds. People
-- who have gone are no evidence any more.
evidence as (

    select
        account_id,
        {%- for channel in channels %}
        max(
            case
                when measure = 'observable_{{ channel }}'
                    {%- if channel == 'contacts' %} and {{ day }} < valid_to{% endif %}
                    then evidence_on
            end
        ) as {{ channel }}_evidence_on,
        max(measure = 'observable_{{ channel }}' and {{ day }} < valid_to)
            as holds_{{ channel }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_observability_spans') }}
    where valid_from <= {{ day }}
    group by account_id

),

feed_gaps as (

    select * from {{ ref('int_feed_gaps') }}
    where {{ on_last_day() }}

),

-- Acts of the last days against the mean of the weeks before, shrunk by a gamma prior.
act_counts as (

    select
        account_id,
        max(occurred_date) as last_signal_date,
        max(case when is_buying_signal then occurred_date end) as last_buying_signal_date,
        sum(
            case when channel != 'intent'
                and occurred_date > {{ add_days(day, -var('spike_days')) }}
            then quantity else 0 end) as recent_acts,
        sum(
            case when channel != 'intent'
                and occurred_date <= {{ add_days(day, -var('spike_days')) }}
            and occurred_date
            > {{ add_days(day, -var('spike_days') - 7 * var('spike_base_weeks')) }}
            then quantity else 0 end)
            * {{ var('spike_days') }}
            / (7.0 * {{ var('spike_base_weeks') }})
            as usual_acts,
        sum(
            case when channel != 'intent'
                and occurred_date > {{ add_days(day, -7) }} then quantity else 0 end) as week_acts,
        sum(
            case when channel != 'intent'
                and occurred_date <= {{ add_days(day, -7) }}
            and occurred_date > {{ add_days(day, -7 - 7 * var('momentum_base_weeks')) }}
            then quantity else 0 end)
            / cast({{ var('momentum_base_weeks') }} as double) as earlier_week_acts,
        max(case when occurred_date <= {{ add_days(day, -var('spike_days')) }}
            then occurred_date end) as earlier_signal_date
    from acts
    group by account_id

),

-- Acts and reports too old to count still say that a signal is not the first. Only the accounts of
-- which everything else is new are asked.
seen_before as (

    select newcomers.account_id
    from act_counts as newcomers
    inner join {{ ref('int_identity_owners') }} as owners
        on
            newcomers.account_id = owners.account_id
            and {{ on_last_day('owners.') }}
    inner join {{ ref('int_activity_daily') }} as activities
        on
            owners.identity_type = activities.identity_type
            and owners.identity = activities.identity
            and owners.fallback_identity = activities.fallback_identity
    inner join {{ ref('activity_types') }} as activity_types
        on activities.activity_type = activity_types.activity_type
        and activity_types.base_points > 0
    left join {{ ref('int_traffic_weights') }} as traffic_weights
        on
            owners.traffic_domain = traffic_weights.traffic_domain
            and activities.occurred_date >= traffic_weights.valid_from
            and activities.occurred_date < traffic_weights.valid_to
    where newcomers.earlier_signal_date is null
        and activities.known_date <= {{ day }}
        and activities.occurred_date < {{ add_days(day, -var('max_age_days')) }}
        and coalesce(traffic_weights.weight_share, 1) > 0
    group by newcomers.account_id, activities.identity_type, activities.identity,
        activities.fallback_identity, activities.activity_type, activities.occurred_date
    having sum(activities.quantity) > 0

    union

    select newcomers.account_id
    from act_counts as newcomers
    inner join {{ ref('int_identity_owners') }} as owners
        on
            newcomers.account_id = owners.account_id
            and owners.identity_type = 'domain'
            and {{ on_last_day('owners.') }}
    inner join {{ ref('int_intent_scores') }} as scores on owners.identity = scores.domain
    where newcomers.earlier_signal_date is null
        and scores.known_date <= {{ day }}
        and scores.report_date < {{ add_days(day, -var('max_age_days')) }}
        and scores.score >= {{ var('intent_surging_score') }}

),

channels as (

    select
        account_id,
        count(distinct channel) as signal_channel_count,
        string_agg(distinct channel, ', ' order by channel) as signal_channels
    from acts
    where occurred_date > {{ add_days(day, -var('engaged_days')) }} and base_points_h > 0
    group by account_id

),

-- What each provider's latest report says, its restatements included.
surging as (

    select
        account_id,
        sum(surging_topics) as surging_topics,
        sum(case when surging_topics > 0 then 1 else 0 end) as surging_providers
    from (
        select
            owners.account_id,
            intent_points.provider,
            intent_points.report_date,
            sum(intent_points.surging_topics) as surging_topics,
            rank() over (
                partition by owners.account_id, intent_points.provider
                order by intent_points.report_date desc
            ) as report_order
        from {{ ref('int_intent_points') }} as intent_points
        inner join {{ ref('int_identity_owners') }} as owners
            on
                owners.identity_type = 'domain'
                and intent_points.domain = owners.identity
                and {{ on_last_day('owners.') }}
        where intent_points.known_date <= {{ day }}
            and intent_points.report_date <= {{ day }}
            and intent_points.report_date > {{ add_days(day, -var('buying_signal_days')) }}
        group by owners.account_id, intent_points.provider, intent_points.report_date
    ) as reports
    where report_order = 1
    group by account_id

),

-- Topics that surge by their own score in each provider's latest report. A provider of counts has
-- none, for a count is no score.
surging_scores as (

    select
        owners.account_id,
        reports.topic,
        row_number() over (
            partition by owners.account_id order by max(reports.score) desc, reports.topic asc
        ) as topic_order
    from (
        select
            *,
            rank() over (partition by provider, domain order by report_date desc) as report_order,
            row_number() over (
                partition by provider, domain, report_date, topic
                order by version_at desc, score desc
            ) as version_order
        from {{ ref('int_intent_scores') }}
        where known_date <= {{ day }} and report_date <= {{ day }}
            and report_date > {{ add_days(day, -var('buying_signal_days')) }}
    ) as reports
    inner join {{ ref('int_identity_owners') }} as owners
        on
            owners.identity_type = 'domain'
            and reports.domain = owners.identity
            and {{ on_last_day('owners.') }}
    where reports.report_order = 1 and reports.version_order = 1
        and reports.score >= {{ var('intent_surging_score') }}
    group by owners.account_id, reports.topic

),

-- The strongest by name: a report has as many as the provider tracks.
topic_names as (

    select
        account_id,
        string_agg(
            case topic_order when 1 then '' when topics then ' and ' else ', ' end || topic,
            '' order by topic_order
        )
        || case when max(topics) > {{ var('topics_named') }}
            then ' and '
                || {{ in_words('max(topics) - ' ~ var('topics_named'), 0) }} || ' more'
            else '' end as surging_topic_names
    from (
        select *, count(*) over (partition by account_id) as topics from surging_scores
    ) as scores
    where topic_order <= {{ var('topics_named') }}
    group by account_id

),

stale_feeds as (

    select
        acts.account_id,
        string_agg(distinct acts.feed, ', ' order by acts.feed) as stale_feeds,
        max(acts.channel != 'intent') as is_any_of_acts
    from acts
    inner join feed_gaps on acts.feed = feed_gaps.feed
    where acts.occurred_date > {{ add_days(day, -var('engaged_days')) }}
    group by acts.account_id

),

-- Acts that still count have come or gone with the owner of their identity.
attribution_changes as (

    select account_id, max(changed_on) as attribution_changed_on
    from {{ ref('int_attribution_changes') }}
    where changed_on <= {{ day }}
        and last_occurred_date >= {{ add_days(day, -var('max_age_days')) }}
    group by account_id

),

-- Momentum is not told where no channel could have seen the account act.
momentum as (

    select
        features.account_id,
        case
            when
                coalesce(stale_feeds.is_any_of_acts, false)
                {%- for channel in act_channels %}
                or (
                    coalesce(evidence.holds_{{ channel }}, false)
                    and not features.sees_{{ channel }}
                )
                {%- endfor %}
                then 'stale_feed'
            when
                not (
                    {%- for channel in act_channels %}
                    {{ 'or ' if not loop.first }}features.sees_{{ channel }}
                    {%- endfor %}
                )
                and coalesce(
                    act_counts.recent_acts + act_counts.usual_acts
                    + act_counts.week_acts + act_counts.earlier_week_acts, 0
                ) = 0
                then 'cannot_see'
            else 'measured'
        end as momentum_status
    from features
    left join evidence on features.account_id = evidence.account_id
    left join stale_feeds on features.account_id = stale_feeds.account_id
    left join act_counts on features.account_id = act_counts.account_id

)

select
    features.account_id,
    names.account_name,
    names.owner_name,
    features.as_of_date,
    features.strength_score,
    features.signal_level,
    features.intent_points,
    features.engagement_points,
    cast(coalesce(surging.surging_topics, 0) as bigint) as surging_topics,
    cast(coalesce(surging.surging_providers, 0) as integer) as surging_providers,
    coalesce(surging.surging_providers >= {{ var('corroborating_providers') }}, false)
        as is_corroborated,
    topic_names.surging_topic_names,
    features.engaged_people,
    channels.signal_channels,
    cast(coalesce(channels.signal_channel_count, 0) as integer) as signal_channel_count,
    features.is_broad,
    act_counts.last_buying_signal_date,
    case when momentum.momentum_status = 'measured' then
        coalesce(
            (act_counts.recent_acts + {{ var('spike_prior_acts') }})
            / (act_counts.usual_acts + {{ var('spike_prior_acts') }})
            >= {{ var('spike_min_ratio') }},
            false
        )
    end as is_spiking,
    cast(case when momentum.momentum_status = 'measured' then
        (coalesce(act_counts.week_acts, 0) + {{ var('spike_prior_acts') }})
        / (coalesce(act_counts.earlier_week_acts, 0) + {{ var('spike_prior_acts') }})
    end as double) as momentum_ratio,
    momentum.momentum_status,
    coalesce(
        act_counts.last_signal_date > {{ add_days(day, -var('spike_days')) }}
        and act_counts.earlier_signal_date is null
        and seen_before.account_id is null, false
    ) as is_first_signal,
    coalesce(
        act_counts.last_signal_date > {{ add_days(day, -var('spike_days')) }}
        and (
            act_counts.earlier_signal_date
            <= {{ add_days(day, -var('spike_days') - var('silence_days')) }}
            or (act_counts.earlier_signal_date is null and seen_before.account_id is not null)
        ), false
    ) as is_return_after_silence,
    features.is_observable,
    nullif(concat_ws(', ',
        case when features.sees_ads then 'ads' end,
        case when features.sees_contacts then 'contacts' end,
        case when features.sees_intent then 'intent' end,
        case when features.sees_web then 'web' end
    ), '') as observable_channels,
    {%- for channel in channels %}
    evidence.{{ channel }}_evidence_on,
    {%- endfor %}
    act_counts.last_signal_date,
    stale_feeds.stale_feeds,
    features.is_attribution_changed,
    attribution_changes.attribution_changed_on
from features
left join names on features.account_id = names.account_id
inner join momentum on features.account_id = momentum.account_id
left join evidence on features.account_id = evidence.account_id
left join act_counts on features.account_id = act_counts.account_id
left join seen_before on features.account_id = seen_before.account_id
left join channels on features.account_id = channels.account_id
left join attribution_changes on features.account_id = attribution_changes.account_id
left join surging on features.account_id = surging.account_id
left join topic_names on features.account_id = topic_names.account_id
left join stale_feeds on features.account_id = stale_feeds.account_id
