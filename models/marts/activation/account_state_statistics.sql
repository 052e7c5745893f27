{%- set states = ['cold', 'warming', 'active', 'engaged'] -%}
{%- set window_start = add_days(end_date(), 1 - var('statistics_days')) -%}

with accounts as (

    select * from {{ ref('accounts') }}

),

activation_history as (

    select * from {{ ref('account_activation_history') }}

),

state_rules as (

    select * from {{ ref('activation_states') }}

),

stays as (

    select
        activation_history.account_id,
        activation_history.state,
        activation_history.valid_from,
        activation_history.valid_to,
        activation_history.reason_code,
        activation_history.reason_code != 'first_day' as is_transition,
        {{ dbt.datediff('activation_history.valid_from', 'activation_history.valid_to', 'day') }}
            as days_stayed,
        state_rules.state_rank,
        previous_rules.state_rank as previous_rank,
        -- A climb begins wherever the account is at the bottom, or is first seen.
        sum(case
            when state_rules.state_rank = 1 or activation_history.reason_code = 'first_day' then 1
            else 0
        end) over (
            partition by activation_history.account_id order by activation_history.valid_from
            rows between unbounded preceding and current row
        ) as climb_number
    from activation_history
    inner join state_rules on activation_history.state = state_rules.state
    left join state_rules as previous_rules
        on activation_history.previous_state = previous_rules.state

),

-- A flap is a transition that takes back the one before it within flap_days: a fall to where the
-- account had risen from or lower, a rise to where it had fallen from or higher.
judged as (

    select
        *,
        coalesce(
            is_transition
            and lag(is_transition) over of_account
            and {{ dbt.datediff('lag(valid_from) over of_account', 'valid_from', 'day') }}
            <= {{ var('flap_days') }}
            and case
                when state_rank < previous_rank
                    then
                        lag(previous_rank) over of_account < previous_rank
                        and state_rank <= lag(previous_rank) over of_account
                else
                    lag(previous_rank) over of_account > previous_rank
                    and state_rank >= lag(previous_rank) over of_account
            end,
            false
        ) as is_flap
    from stays
    window of_account as (partition by account_id order by valid_from)

),

counted as (

    select
        account_id,
        {%- for count, condition in {
            'transitions': 'is_transition', 'rises': 'state_rank > previous_rank',
            'falls': 'state_rank < previous_rank', 'flaps': 'is_flap'
        }.items() %}
        sum(case
            when is_transition and {{ condition }} and valid_from >= {{ window_start }} then 1
            else 0
        end) as {{ count }},
        {%- endfor %}
        {%- for state in states %}
        sum(case
            when state = '{{ state }}' and coalesce(valid_to, {{ forever() }}) > {{ window_start }}
                then {{ dbt.datediff(
                    'greatest(valid_from, ' ~ window_start ~ ')',
                    'least(coalesce(valid_to, ' ~ forever() ~ '), ' ~ add_days(end_date(), 1) ~ ')',
                    'day'
                ) }}
            else 0
        end) as {{ state }}_days,
        {%- endfor %}
        {%- for state in states %}
        -- Only stays whose beginning and end were both seen say how long a stay lasts.
        sum(case when state = '{{ state }}' and is_transition and valid_to is not null then 1
            else 0 end) as {{ state }}_stays,
        avg(case when state = '{{ state }}' and is_transition then days_stayed end)
            as mean_{{ state }}_days,
        percentile_cont(0.5) within group (
            order by case when state = '{{ state }}' and is_transition then days_stayed end
        ) as median_{{ state }}_days,
        {%- endfor %}
        min(valid_from) as first_date,
        max(case when valid_to is null then valid_from end) as state_since
    from judged
    group by account_id

),

climbs as (

    select
        account_id,
        climb_number,
        {%- for state in states[1:] %}
        min(case when state = '{{ state }}' and reason_code = 'rise' then valid_from end)
            as {{ state }}_date,
        {%- endfor %}
        row_number() over (partition by account_id order by climb_number desc) as recency
    from stays
    where state_rank > 1
    group by account_id, climb_number

)

select
    accounts.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.as_of_date,
    counted.first_date,
    {{ dbt.datediff('counted.state_since', 'accounts.as_of_date', 'day') }} + 1 as days_in_state,
    cast(counted.transitions as integer) as transitions,
    cast(counted.rises as integer) as rises,
    cast(counted.falls as integer) as falls,
    cast(counted.flaps as integer) as flaps,
    cast(counted.flaps as double) / nullif(counted.transitions, 0) as flapping_share,
    {%- for state in states %}
    cast(counted.{{ state }}_days as integer) as {{ state }}_days,
    {%- endfor %}
    {%- for state in states %}
    cast(counted.{{ state }}_stays as integer) as {{ state }}_stays,
    cast(counted.mean_{{ state }}_days as double) as mean_{{ state }}_days,
    cast(counted.median_{{ state }}_days as double) as median_{{ state }}_days,
    {%- endfor %}
    {%- for state in states[1:] %}
    climbs.{{ state }}_date as climb_{{ state }}_date,
    {%- endfor %}
    {{ dbt.datediff('climbs.warming_date', 'climbs.active_date', 'day') }}
        as warming_to_active_days,
    {{ dbt.datediff('climbs.active_date', 'climbs.engaged_date', 'day') }}
        as active_to_engaged_days
from accounts
inner join counted on accounts.account_id = counted.account_id
left join climbs on accounts.account_id = climbs.account_id and climbs.recency = 1
