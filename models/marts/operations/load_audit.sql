with files as (

    select * from {{ ref('stg_landing__files') }}
    where status = 'loaded' and (delivery_date <= {{ end_date() }} or is_first_load)

),

quarantine as (

    select
        faults.file_path,
        coalesce(faults.cause, 'other fault') as cause,
        count(*) as row_count,
        min(faults.file_row) as example_row
    from {{ ref('stg_landing__quarantine') }} as faults
    group by faults.file_path, coalesce(faults.cause, 'other fault')

),

fates as (

    select
        source, table_name, source_instance, fate, reason, row_count, amount_usd, example_file,
        example_row
    from {{ ref('int_row_fates') }}

    union all

    select
        files.source, files.table_name, files.source_instance, 'quarantined', quarantine.cause,
        quarantine.row_count, null, quarantine.file_path, quarantine.example_row
    from quarantine
    inner join files on quarantine.file_path = files.file_path

    union all

    select
        source, table_name, source_instance, 'duplicate', 'repeats an earlier row', duplicate, null,
        file_path, null
    from files
    where duplicate > 0

    union all

    select
        source, table_name, source_instance, 'conflicting', 'contradicts another row', conflicting,
        null, file_path, null
    from files
    where conflicting > 0

    union all

    select
        source, table_name, source_instance, 'left out', 'left out by the mapping', left_out, null,
        file_path, null
    from files
    where left_out > 0

),

delivered as (

    select source, table_name, source_instance, sum(delivered) as row_count
    from files
    group by source, table_name, source_instance

),

row_fates as (

    select * from {{ ref('row_fates') }}

),

counted as (

    select
        source,
        table_name,
        source_instance,
        fate,
        reason,
        cast(sum(row_count) as bigint) as row_count,
        sum(amount_usd) as amount_usd,
        min(example_file) as example_file,
        min_by(example_row, example_file) as example_row
    from fates
    group by source, table_name, source_instance, fate, reason

)

select
    {{ end_date() }} as as_of_date,
    counted.source,
    counted.table_name,
    counted.source_instance,
    counted.fate,
    coalesce(counted.reason, 'used') as reason,
    counted.row_count,
    cast(counted.row_count as double) / delivered.row_count as share,
    cast(counted.amount_usd as double) as amount_usd,
    counted.example_file,
    counted.example_row,
    coalesce(row_fates.meaning, 'The row cannot be read as the contract wants it') as meaning,
    upper(left(row_fates.remedy, 1)) || substring(row_fates.remedy, 2) as remedy,
    coalesce(row_fates.is_loss, true)
    and not (coalesce(feeds.meets_few, false) and coalesce(row_fates.is_meeting, false)) as is_loss
from counted
inner join delivered
    on
        counted.source = delivered.source
        and counted.table_name = delivered.table_name
        and counted.source_instance = delivered.source_instance
left join row_fates
    on
        counted.fate = row_fates.fate
        and coalesce(counted.reason, 'used') = row_fates.reason
left join {{ ref('feeds') }} as feeds
    on counted.source = feeds.source and counted.table_name = feeds.table_name
