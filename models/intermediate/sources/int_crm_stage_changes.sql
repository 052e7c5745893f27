{{ config(materialized='view') }}

{%- set columns = [
    'crm_opportunity_id', 'stage_name', 'stage_id', 'previous_stage_name', 'amount',
    'close_date', 'version_at', 'is_first_load', 'known_date'
] %}

{% for source in sources_of('stage_changes') %}
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
