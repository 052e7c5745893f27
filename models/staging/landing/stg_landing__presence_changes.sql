with source as (

    select * from {{ source('landing', 'presence_changes') }}

),

-- Files of one day may come in several loads: the last one says what the day ended with.
loads as (

    select
        source.*,
        lag(is_present, 1, true) over (
            partition by source, table_name, instance, record_id order by delivery_day, load_id
        ) as was_present,
        row_number() over (
            partition by source, table_name, instance, record_id, delivery_day
            order by load_id desc
        ) = 1 as is_last_of_day
    from source

),

-- A record that one load of a day missed and the next one brought never went.
days as (

    select
        loads.*,
        lag(is_present, 1, true) over (
            partition by source, table_name, instance, record_id order by delivery_day
        ) as was_present_before
    from loads
    where is_last_of_day

)

select
    loads.source,
    loads.table_name,
    loads.instance as source_instance,
    loads.record_id,
    loads.delivery_day as changed_on,
    loads.is_present,
    loads.load_id,
    coalesce(days.is_present != days.was_present_before, false) as is_day_end
from loads
left join days
    on
        loads.source = days.source
        and loads.table_name = days.table_name
        and loads.instance = days.instance
        and loads.record_id = days.record_id
        and loads.delivery_day = days.delivery_day
        and loads.load_id = days.load_id
where loads.is_present != loads.was_present or days.is_present != days.was_present_before
