{%- set off = "'" ~ var('sources_off') | join("', '") ~ "'" -%}
{#- Tables whose rows are acts and name the person too, as chats do: they are judged as acts. -#}
{%- set acts_with_people = [] -%}
{%- for table in tables_of('people') if table in tables_of('activities') -%}
    {%- do acts_with_people.append("'" ~ table.source ~ '.' ~ table.table ~ "'") -%}
{%- endfor -%}

-- What became of the accepted rows of each delivery, by reason, with one of them as an example.
with fates as (

    select file_path, file_row, reason, amount_usd, 0 as acts
    from {{ ref('int_record_fates') }}
    {%- if acts_with_people %}
    where file_path not in (
        select files.file_path from {{ ref('stg_landing__files') }} as files
        where files.source || '.' || files.table_name in ({{ acts_with_people | join(', ') }})
    )
    {%- endif %}
    union all
    select file_path, file_row, reason, amount_usd, acts
    from {{ ref('int_act_fates') }}
    union all
    select file_path, file_row, reason, amount_usd, 0
    from {{ ref('int_list_fates') }}

),

files as (

    select * from {{ ref('stg_landing__files') }}
    where status = 'loaded' and (delivery_date <= {{ end_date() }} or is_first_load)

),

tables as (

    select * from {{ ref('stg_landing__tables') }}

),

by_file as (

    select
        file_path,
        reason,
        count(*) as row_count,
        sum(cast(amount_usd as decimal(18, 2))) as amount_usd,
        sum(acts) as acts,
        min(file_row) as example_row
    from fates
    group by file_path, reason

),

-- What no model has read: all of a table, or rows that were lost on the way.
not_read as (

    select
        files.file_path,
        case
            when tables.unread_models = '' then 'no model reads it'
            when tables.unread_models is not null then 'source not declared'
            else 'no reason found'
        end as reason,
        files.accepted - coalesce(sum(by_file.row_count), 0) as row_count
    from files
    inner join tables on files.source = tables.source and files.table_name = tables.table_name
    left join by_file on files.file_path = by_file.file_path
    group by files.file_path, tables.unread_models, files.accepted
    having files.accepted != coalesce(sum(by_file.row_count), 0)

),

of_files as (

    select file_path, reason, row_count, amount_usd, acts, example_row from by_file
    union all
    select file_path, reason, row_count, null, 0, null from not_read

),

placed as (

    select
        files.source,
        files.table_name,
        files.source_instance,
        files.delivery_date,
        case
            when files.source in ({{ off }}) then 'source switched off'
            else of_files.reason
        end as reason,
        of_files.row_count,
        of_files.amount_usd,
        of_files.acts,
        of_files.file_path,
        of_files.example_row
    from of_files
    inner join files on of_files.file_path = files.file_path

)

select
    source,
    table_name,
    source_instance,
    delivery_date,
    case when reason is null then 'used' else 'not used' end as fate,
    reason,
    cast(sum(row_count) as bigint) as row_count,
    sum(amount_usd) as amount_usd,
    cast(sum(acts) as bigint) as acts,
    min(file_path) as example_file,
    min_by(example_row, file_path) as example_row
from placed
group by source, table_name, source_instance, delivery_date, reason
