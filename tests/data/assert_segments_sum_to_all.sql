-- Guards: on every day each type of segment splits the same targets: its values sum to `all`.
-- Does not guard: that an account stands under the right value.
{%- set counts = [
    'target_accounts', 'icp_accounts', 'icp_assumed_accounts', 'activated_accounts',
    'activated_icp_accounts', 'target_gap', 'icp_gap', 'touched_gap_accounts',
    'held_accounts', 'target_gap_without_held', 'may_have_risen_accounts', 'target_gap_if_risen'
] %}
with types as (

    select
        as_of_date,
        segment_type,
        {%- for count in counts %}
        sum({{ count }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('activation_gap') }}
    group by as_of_date, segment_type

)

select types.as_of_date, types.segment_type
from types
left join types as whole on types.as_of_date = whole.as_of_date and whole.segment_type = 'all'
where
    {%- for count in counts %}
    types.{{ count }} is distinct from whole.{{ count }}{{ ' or' if not loop.last }}
    {%- endfor %}
