{{ config(materialized='view') }}

{%- set kinds = {
    'account': 'accounts', 'person': 'people', 'opportunity': 'opportunities', 'act': 'activities'
} %}

with changes as (

    select *, source_instance as _instance from {{ ref('stg_landing__presence_changes') }}

),

table_kinds as (

    {% for record_kind, kind in kinds.items() %}
    {%- for table in tables_of(kind) %}
    select
        '{{ record_kind }}' as record_kind, '{{ table.source }}' as source,
        '{{ table.table }}' as table_name
    union all
    {% endfor %}
    {%- endfor %}
    select null, null, null
    where 1 = 0

),

record_changes as (

    select changes.*, table_kinds.record_kind
    from changes
    inner join table_kinds
        on changes.source = table_kinds.source and changes.table_name = table_kinds.table_name

)

-- Staging writes an id as it stands, in the long form of a CRM or with the source in front.
-- Whichever it is, the source's own records have no other.
{%- set as_it_stands = record_id('record_id') %}
{% for record_id in [
    as_it_stands, crm_id('record_id'), "source || ':' || " ~ as_it_stands
] %}
select
    record_kind,
    source as source_system,
    table_name,
    {{ record_id }} as record_id,
    changed_on,
    not is_present as is_deleted,
    is_day_end,
    load_id
from record_changes
{%- if not loop.last %}
union
{%- endif %}
{% endfor %}
