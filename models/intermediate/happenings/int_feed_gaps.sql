with files as (

    select * from {{ ref('stg_landing__files') }}

),

feeds as (

    select * from {{ ref('feeds') }}

),

-- An empty file is a delivery: the source says that nothing happened. An unreadable one is none,
-- nor is one that only repeats rows: an exporter that is stuck sends such files too.
deliveries as (

    select distinct source, table_name, source_instance, delivery_date
    from files
    where status = 'loaded' and (delivered = 0 or duplicate < delivered)

),

spans as (

    select
        source,
        table_name,
        source_instance,
        delivery_date,
        lead(delivery_date) over (
            partition by source, table_name, source_instance order by delivery_date
        ) as next_delivery_date
    from deliveries

)

select
    spans.source,
    spans.table_name,
    {{ feed_name('spans.', 'source', 'table_name') }} as feed,
    spans.delivery_date as last_delivery_date,
    {{ add_days('spans.delivery_date', 'feeds.freshness_days + 1') }} as valid_from,
    least(
        coalesce(spans.next_delivery_date, {{ forever() }}),
        coalesce(feeds.retired_on, {{ forever() }})
    ) as valid_to
from spans
inner join feeds on spans.source = feeds.source and spans.table_name = feeds.table_name
where
    {{ add_days('spans.delivery_date', 'feeds.freshness_days + 1') }}
    < least(
        coalesce(spans.next_delivery_date, {{ forever() }}),
        coalesce(feeds.retired_on, {{ forever() }})
    )
