{{ config(materialized='view') }}

{%- set columns = [
    'source_system', 'source_instance', 'source_table', 'act_id', 'record_id',
    'crm_account_id', 'domain', 'campaign_id', 'activity_kind', 'activity_subkind',
    'disposition', 'subject', 'occurred_date', 'is_done', 'owner_id', 'quantity',
    'created_date', 'version_at', 'is_first_load', 'known_date', 'load_id'
] %}

{% for source in sources_of('activities') %}
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
