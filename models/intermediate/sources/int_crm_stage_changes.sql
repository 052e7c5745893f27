{{ config(materialized='view') }}

{%- set columns = [
    'crm_opportunity_id', 'stage_name', 'stage_id', 'previous_stage_name', 'amount',
    'close_date', 'version_at', 'is_first_load', 'known_date'
] %}

{{ rows_of_sources('stage_changes', columns) }}
