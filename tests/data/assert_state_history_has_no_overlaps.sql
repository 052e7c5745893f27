-- Guards: an account is in one state at a time, a change changes something, and the state of the
-- latest day is what account_activation says.
-- Does not guard: that the state is right (tests/python/test_activation_scoring.py).
with history as (

    select
        *,
        lag(coalesce(valid_to, {{ forever() }})) over account as previous_valid_to,
        lag(state) over account as state_before
    from {{ ref('account_activation_history') }}
    window account as (partition by account_id order by valid_from)

)

select account_id, valid_from, 'overlaps' as problem
from history
where valid_to <= valid_from or previous_valid_to > valid_from

union all

select account_id, valid_from, 'says another previous state'
from history
where previous_state is distinct from case when previous_valid_to = valid_from then state_before end
    or previous_state = state

union all

select activation.account_id, activation.as_of_date, 'is not the state of the day'
from {{ ref('account_activation') }} as activation
left join history
    on
        activation.account_id = history.account_id
        and activation.as_of_date >= history.valid_from
        and activation.as_of_date < coalesce(history.valid_to, {{ forever() }})
where activation.state is distinct from history.state
    or activation.state_since is distinct from history.valid_from
