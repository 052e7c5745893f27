{%- set day = end_date() -%}

with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

acts as (

    select * from {{ ref('int_account_acts') }}
    where {{ day }} >= valid_from and {{ day }} < valid_to
        and (base_points_h > 0 or (channel = 'intent' and quantity > 0))

),

feed_gaps as (

    select * from {{ ref('int_feed_gaps') }}
    where {{ day }} >= valid_from and {{ day }} < valid_to

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
            as usual_acts
    from acts
    group by account_id

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

surging as (

    select account_id, sum(quantity) as surging_topics
    from (
        select
            account_id, feed, occurred_date, sum(quantity) as quantity,
            rank() over (partition by account_id, feed order by occurred_date desc) as report_order
        from acts
        where channel = 'intent'
            and occurred_date > {{ add_days(day, -var('buying_signal_days')) }}
        group by account_id, feed, occurred_date
    ) as reports
    where report_order = 1
    group by account_id

),

stale_feeds as (

    select acts.account_id, string_agg(distinct acts.feed, ', ' order by acts.feed) as stale_feeds
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

)

select
    features.account_id,
    features.as_of_date,
    features.strength_score,
    features.signal_level,
    features.intent_points,
    features.engagement_points,
    cast(coalesce(surging.surging_topics, 0) as bigint) as surging_topics,
    features.engaged_people,
    channels.signal_channels,
    cast(coalesce(channels.signal_channel_count, 0) as integer) as signal_channel_count,
    features.is_broad,
    act_counts.last_buying_signal_date,
    coalesce(
        (act_counts.recent_acts + {{ var('spike_prior_acts') }})
        / (act_counts.usual_acts + {{ var('spike_prior_acts') }}) >= {{ var('spike_min_ratio') }},
        false
    ) as is_spiking,
    features.is_observable,
    nullif(concat_ws(', ',
        case when features.sees_ads then 'ads' end,
        case when features.sees_contacts then 'contacts' end,
        case when features.sees_intent then 'intent' end,
        case when features.sees_web then 'web' end
    ), '') as observable_channels,
    act_counts.last_signal_date,
    stale_feeds.stale_feeds,
    features.is_attribution_changed,
    attribution_changes.attribution_changed_on
from features
left join act_counts on features.account_id = act_counts.account_id
left join channels on features.account_id = channels.account_id
left join attribution_changes on features.account_id = attribution_changes.account_id
left join surging on features.account_id = surging.account_id
left join stale_feeds on features.account_id = stale_feeds.account_id
