with segments as (

    select * from {{ ref('int_target_segments') }}

),

captures as (

    select * from {{ ref('int_account_captures') }}

)

select
    {{ end_date() }} as as_of_date,
    segments.segment_type,
    segments.segment_value,
    captures.channel,
    captures.is_used,
    captures.stale_feeds,
    count(*) as caught_accounts,
    count(case when captures.is_used and captures.used_channels = 1 then 1 end)
        as only_by_it_accounts,
    cast(count(case when captures.is_used and captures.used_channels = 1 then 1 end) as double)
    / nullif(count(case when captures.is_used then 1 end), 0) as only_by_it_share
from segments
inner join captures on segments.account_id = captures.account_id
group by
    segments.segment_type, segments.segment_value, captures.channel, captures.is_used,
    captures.stale_feeds
