-- Guards: every row that was delivered has one fate: the rows of a table and instance in load_audit
-- add up to what the manifest counted, used and not used to what was accepted.
-- Does not guard: that the reason is the right one (tests/python/test_load_audit.py).
with audited as (

    select
        source,
        table_name,
        source_instance,
        sum(row_count) as delivered,
        sum(case when fate in ('used', 'not used') then row_count else 0 end) as accepted,
        min(row_count) as least
    from {{ ref('load_audit') }}
    group by source, table_name, source_instance

),

counted as (

    select
        source,
        table_name,
        source_instance,
        sum(delivered) as delivered,
        sum(accepted) as accepted
    from {{ ref('stg_landing__files') }}
    where status = 'loaded' and (delivery_date <= {{ end_date() }} or is_first_load)
    group by source, table_name, source_instance
    having sum(delivered) > 0

)

select
    coalesce(counted.source, audited.source) as source,
    coalesce(counted.table_name, audited.table_name) as table_name,
    coalesce(counted.source_instance, audited.source_instance) as source_instance,
    counted.delivered,
    audited.delivered as audited_delivered,
    counted.accepted,
    audited.accepted as audited_accepted
from counted
full outer join audited
    on
        counted.source = audited.source
        and counted.table_name = audited.table_name
        and counted.source_instance = audited.source_instance
where counted.delivered is distinct from audited.delivered
    or counted.accepted is distinct from audited.accepted
    or audited.least <= 0
