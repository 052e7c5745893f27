with source as (

    select * from {{ source('landing', 'presence_changes') }}

),

-- Files of one day may come in several loads: the last one says what the day ended with.
days as (

    select
        source.*,
        row_number() over (
            partition by source, table_name, instance, record_id, delivery_day
            order by load_id desc
        ) as recency
    from source

),

-- A record that one load of a day missed and the next one brought never went.
changes as (

    select
        days.*,
        lag(is_present, 1, true) over (
            partition by source, table_name, instance, record_id order by delivery_day
        ) as was_present
    from days
    where recency = 1

)

select
    source,
    table_name,
    instance as source_instance,
    record_id,
    delivery_day as changed_on,
    is_present
from changes
where is_present != was_present
