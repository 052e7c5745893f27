{{ config(materialized='view') }}

{%- set columns = [
    'crm_opportunity_id', 'source_system', 'source_instance', 'crm_account_id',
    'opportunity_name', 'amount', 'currency_code', 'stage_name', 'stage_id', 'is_won',
    'is_closed', 'close_date', 'opportunity_type', 'owner_id', 'merged_opportunity_ids',
    'record_type_id', 'is_deleted', 'custom_fields', 'created_date', 'version_at',
    'is_first_load', 'known_date'
] %}

{{ rows_of_sources('opportunities', columns) }}
