{{ config(materialized='view') }}

{%- set columns = [
    'source_system', 'source_instance', 'source_table', 'act_id', 'record_id',
    'crm_account_id', 'domain', 'campaign_id', 'activity_kind', 'activity_subkind',
    'disposition', 'subject', 'occurred_date', 'is_done', 'owner_id', 'quantity',
    'created_date', 'version_at', 'is_first_load', 'known_date', 'load_id'
] %}

with acts as (

    {{ rows_of_sources('activities', columns) }}

),

removals as (

    select * from {{ ref('int_record_removals') }}
    where record_kind = 'act'

),

-- An act that a complete list no longer names is undone from that day on, and done again when it is
-- back.
removed as (

    select
        acts.*,
        removals.changed_on,
        removals.load_id as changed_by,
        removals.is_deleted,
        row_number() over (
            partition by acts.source_system, acts.act_id, removals.changed_on, removals.load_id
            order by acts.version_at desc
        ) as recency
    from removals
    inner join acts
        on
            removals.source_system = acts.source_system
            and removals.record_id = acts.act_id
            and removals.changed_on >= acts.known_date
            and removals.load_id >= acts.load_id

)

select {{ columns | join(', ') }} from acts

union all

select
    {%- for column in columns %}
    {%- if column == 'is_done' %}
    is_done and not is_deleted
    {%- elif column == 'version_at' %}
    greatest(version_at, cast(changed_on as timestamp))
    {%- elif column == 'is_first_load' %}
    false
    {%- elif column == 'known_date' %}
    changed_on
    {%- elif column == 'load_id' %}
    changed_by
    {%- else %}
    {{ column }}
    {%- endif %}
    {%- if not loop.last %},{% endif %}
    {%- endfor %}
from removed
where recency = 1
