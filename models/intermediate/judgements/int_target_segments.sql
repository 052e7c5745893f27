{%- set segments = [
    'lifecycle', 'fit_tier', 'target_tier', 'industry', 'region', 'owner_id', 'employee_band'
] -%}

with targets as (

    select * from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ end_date() }} and is_target

)

select
    account_id,
    'all' as segment_type,
    'all' as segment_value
from targets

{% for segment in segments %}
union all

select
    account_id,
    '{{ segment | replace("_id", "") }}' as segment_type,
    coalesce({{ segment }}, 'unknown') as segment_value
from targets
{% endfor %}
