{%- set day = end_date() -%}

with acts as (

    select * from {{ ref('int_account_acts') }}
    where {{ on_last_day() }} and base_points_h > 0

),

feed_gaps as (

    select * from {{ ref('int_feed_gaps') }}
    where {{ on_last_day() }}

),

stale_channels as (

    select
        acts.channel,
        string_agg(distinct acts.feed, ', ' order by acts.feed) as stale_feeds
    from acts
    inner join feed_gaps on acts.feed = feed_gaps.feed
    group by acts.channel

),

captures as (

    select
        account_id,
        channel,
        sum(base_points_h) / 100.0 as base_points
    from acts
    where occurred_date > {{ add_days(day, -var('capture_days')) }}
    group by account_id, channel
    having sum(base_points_h) >= {{ 100 * var('capture_min_points') }}

)

select
    captures.account_id,
    captures.channel,
    captures.base_points,
    stale_channels.stale_feeds,
    stale_channels.channel is null as is_used,
    count(case when stale_channels.channel is null then 1 end) over (
        partition by captures.account_id
    ) as used_channels
from captures
left join stale_channels on captures.channel = stale_channels.channel
