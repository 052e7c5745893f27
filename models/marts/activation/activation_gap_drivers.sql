{{
    config(
        materialized='incremental', incremental_strategy='delete+insert', unique_key='as_of_date'
    )
}}

with segments as (

    select * from {{ ref('int_gap_segments') }}

)

{% for driver in gap_drivers() %}
select
    as_of_date,
    segment_type,
    segment_value,
    '{{ driver }}' as driver,
    -- Halves are exact in binary, so the five add up to target_gap exactly.
    cast({{ driver }}_halves as double) / 2 as attributed_accounts,
    cast({{ driver }}_primary as bigint) as primary_accounts,
    cast({{ driver }}_sole as bigint) as sole_blocker_accounts,
    {{ ruleset_version() }} as ruleset_version
from segments
{{ 'union all' if not loop.last }}
{% endfor %}
