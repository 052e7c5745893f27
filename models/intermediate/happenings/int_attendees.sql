{{ config(materialized='view') }}

{%- set columns = [
    'source_system', 'act_id', 'record_id', 'crm_account_id', 'is_deleted', 'version_at',
    'is_first_load', 'known_date', 'load_id'
] %}

{{ rows_of_sources('attendees', columns) }}
