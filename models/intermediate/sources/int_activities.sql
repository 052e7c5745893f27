{{ config(materialized='view') }}

{%- set columns = [
    'source_system', 'source_instance', 'source_table', 'act_id', 'record_id',
    'crm_account_id', 'domain', 'campaign_id', 'activity_kind', 'activity_subkind',
    'disposition', 'subject', 'occurred_date', 'is_done', 'owner_id', 'quantity',
    'created_date', 'version_at', 'is_first_load', 'known_date', 'load_id'
] %}

{{ rows_of_sources('activities', columns) }}
