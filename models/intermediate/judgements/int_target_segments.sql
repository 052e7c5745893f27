with targets as (

    select * from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ end_date() }} and is_target

)

select
    account_id,
    'all' as segment_type,
    'all' as segment_value
from targets

{% for segment, column in gap_segments().items() %}
union all

select
    account_id,
    '{{ segment }}' as segment_type,
    coalesce({{ column }}, 'unknown') as segment_value
from targets
{% endfor %}
