{{ config(materialized='view') }}

{%- set columns = [
    'crm_opportunity_id', 'stage_name', 'stage_id', 'previous_stage_name', 'amount',
    'close_date', 'version_at', 'is_first_load', 'known_date'
] %}

with changes as (

    {{ rows_of_sources('stage_changes', columns) }}

)

-- Histories tell every field; what says nothing of stage, amount or close date is none of ours.
select * from changes
where stage_name is not null or stage_id is not null or previous_stage_name is not null
    or amount is not null or close_date is not null
