{{ config(materialized='view') }}

{%- set columns = [
    'crm_account_id', 'source_system', 'source_instance', 'account_name', 'website_domain',
    'industry', 'employees', 'revenue', 'currency_code', 'country', 'parent_crm_account_id',
    'account_type', 'owner_id', 'master_crm_account_id', 'merged_crm_account_ids',
    'synced_crm_account_id', 'record_type_id', 'is_person', 'is_deleted', 'custom_fields',
    'delivery_date', 'created_date', 'version_at', 'is_first_load', 'known_date'
] %}

{% for source in sources_of('accounts') %}
select
    {{ source.rank }} as source_rank,
    {{ columns | join(', ') }}
from {{ ref(source.model) }}
{%- if not source.is_on %}
where 1 = 0
{%- endif %}
{%- if not loop.last %}
union all
{%- endif %}
{% endfor %}
