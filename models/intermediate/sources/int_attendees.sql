{{ config(materialized='view') }}

{%- set columns = [
    'source_system', 'act_id', 'record_id', 'crm_account_id', 'is_deleted', 'version_at',
    'is_first_load', 'known_date', 'load_id'
] %}

{% for source in sources_of('attendees') %}
select
    {{ columns | join(', ') }}
from {{ ref(source.model) }}
{%- if not source.is_on %}
where 1 = 0
{%- endif %}
{%- if not loop.last %}
union all
{%- endif %}
{% endfor %}
