{{
    config(
        materialized='incremental', incremental_strategy='delete+insert', unique_key='as_of_date'
    )
}}

with segments as (

    select * from {{ ref('int_gap_segments') }}

),

-- Feeds of acts, while they hold what they could have kept.
silences as (

    select
        feed,
        valid_from as stale_since,
        greatest(valid_from, {{ start_date() }}) as valid_from,
        least(
            valid_to,
            {{ add_days('valid_from', var('stale_hold_days')) }},
            {{ add_days(end_date(), 1) }}
        ) as valid_to
    from {{ ref('int_feed_gaps') }} as feed_gaps
    where feed_gaps.feed in (select acts.feed from {{ ref('int_account_acts') }} as acts)

),

open_silences as (

    select * from silences
    where valid_from < valid_to

),

silent_days as (

    {{ each_day('open_silences') }}

),

silent_feeds as (

    select
        as_of_date,
        string_agg(
            feed || ' since ' || cast(stale_since as {{ dbt.type_string() }}), ', ' order by feed
        ) as feeds
    from silent_days
    group by as_of_date

),

counted as (

    select
        segments.*,
        silent_feeds.feeds
    from segments
    left join silent_feeds on segments.as_of_date = silent_feeds.as_of_date

)

select
    as_of_date,
    segment_type,
    segment_value,
    cast(target_accounts as bigint) as target_accounts,
    cast(icp_accounts as bigint) as icp_accounts,
    cast(icp_assumed_accounts as bigint) as icp_assumed_accounts,
    cast(activated_accounts as bigint) as activated_accounts,
    cast(activated_icp_accounts as bigint) as activated_icp_accounts,
    cast(target_accounts - activated_accounts as bigint) as target_gap,
    cast(icp_accounts - activated_icp_accounts as bigint) as icp_gap,
    cast(icp_accounts - activated_icp_accounts as double) / nullif(icp_accounts, 0) as gap_rate,
    cast(
        icp_accounts
        - icp_assumed_accounts
        - activated_icp_accounts
        + activated_assumed_accounts as double
    ) / nullif(icp_accounts - icp_assumed_accounts, 0) as gap_rate_without_assumed,
    cast(not_in_market_accounts as double) / nullif(icp_accounts, 0) as not_in_market_share,
    cast(touched_gap_accounts as bigint) as touched_gap_accounts,
    cast(held_accounts as bigint) as held_accounts,
    cast(target_accounts - activated_accounts + held_accounts as bigint)
        as target_gap_without_held,
    cast(icp_accounts - activated_icp_accounts + held_icp_accounts as double)
    / nullif(icp_accounts, 0) as gap_rate_without_held,
    cast(may_have_risen_accounts as bigint) as may_have_risen_accounts,
    cast(target_accounts - activated_accounts - may_have_risen_accounts as bigint)
        as target_gap_if_risen,
    case when held_accounts > 0 or may_have_risen_accounts > 0 then feeds end as held_by,
    {{ ruleset_version() }} as ruleset_version
from counted
