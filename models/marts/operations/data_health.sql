with tables as (

    select * from {{ ref('stg_landing__tables') }}

),

files as (

    select * from {{ ref('stg_landing__files') }}

),

feed_gaps as (

    select distinct source, table_name from {{ ref('int_feed_gaps') }}
    where {{ on_last_day() }}

),

counts as (

    select
        source,
        table_name,
        max(case
            when status = 'loaded' and (delivered = 0 or duplicate < delivered) then delivery_date
        end) as last_delivery_date,
        sum(case when status = 'loaded' then 1 else 0 end) as files,
        sum(case when status = 'unreadable' then 1 else 0 end) as unreadable_files,
        sum(case when status = 'pending' then 1 else 0 end) as pending_files,
        sum(case when is_late then 1 else 0 end) as late_files,
        sum(delivered) as delivered,
        sum(accepted) as accepted,
        sum(duplicate) as duplicate,
        sum(conflicting) as conflicting,
        sum(quarantined) as quarantined,
        sum(left_out) as left_out,
        sum(rewritten) as rewritten,
        -- Of the last delivery in which there was any.
        max_by(rewrites, cast(delivery_date as {{ dbt.type_string() }}) || file_path) as rewrites
    from files
    group by source, table_name

)

select
    tables.source,
    tables.table_name,
    {{ end_date() }} as as_of_date,
    counts.last_delivery_date,
    feed_gaps.source is not null as is_stale,
    {%- for count in [
        'files', 'unreadable_files', 'pending_files', 'late_files',
        'delivered', 'accepted', 'duplicate', 'conflicting', 'quarantined', 'left_out',
        'rewritten'
    ] %}
    cast(coalesce(counts.{{ count }}, 0) as bigint) as {{ count }},
    {%- endfor %}
    counts.rewrites,
    case
        {%- for source in var('sources_off') %}
        when tables.source = '{{ source }}' then 'switched off by the var sources_off'
        {%- endfor %}
        -- A table of which no row was accepted is told like one that never landed.
        when not tables.has_landed or (counts.delivered > 0 and counts.accepted = 0)
            then tables.features
        when tables.unread_models = '' then 'no model reads it'
        when tables.unread_models is not null
            then 'the var sources (dbt_project.yml) does not name ' || tables.unread_models
        else nullif(concat_ws(
            '; ',
            case when tables.lost_columns != ''
                then 'columns no longer delivered: ' || tables.lost_columns end,
            case when tables.missing_optional_columns != ''
                then 'columns never delivered: ' || tables.missing_optional_columns end,
            case when tables.unread_flags != ''
                then
                    'columns that we do not read, though they may mark rows to leave out: '
                    || tables.unread_flags
            end
        ), '')
    end as features_off
from tables
left join counts on tables.source = counts.source and tables.table_name = counts.table_name
left join feed_gaps on tables.source = feed_gaps.source and tables.table_name = feed_gaps.table_name
