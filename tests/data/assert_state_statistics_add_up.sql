-- Guards: the shares of a month and from_state sum to 1 (to 1e-9); an account that ends a month in
-- a state begins the next one in it, so what flows in is what the next month starts from; of an
-- account rises and falls make its transitions, flaps are no more than those, and its days in the
-- states no more than the days since its first one (or of the window).
-- Does not guard: what counts as a flap or a climb (unit test of account_state_statistics).
with matrix as (

    select * from {{ ref('state_transition_matrix') }}

),

outflows as (

    select month_start_date, from_state as state, sum(accounts) as accounts, sum(share) as share
    from matrix
    group by month_start_date, from_state

),

inflows as (

    select
        cast({{ dbt.dateadd('month', 1, 'month_start_date') }} as date) as month_start_date,
        to_state as state,
        sum(accounts) as accounts
    from matrix
    where to_state != 'not an account'
    group by month_start_date, to_state

)

select cast(outflows.month_start_date as {{ dbt.type_string() }}) as where_it_is, outflows.state
from outflows
where abs(outflows.share - 1) > 1e-9

union all

select cast(inflows.month_start_date as {{ dbt.type_string() }}), inflows.state
from inflows
left join outflows
    on
        inflows.month_start_date = outflows.month_start_date
        and inflows.state = outflows.state
where inflows.accounts is distinct from outflows.accounts
    and inflows.month_start_date <= (select max(matrix.month_start_date) from matrix)

union all

select account_id, 'statistics'
from {{ ref('account_state_statistics') }}
where rises + falls != transitions
    or flaps > transitions
    or cold_days + warming_days + active_days + engaged_days
    > least(
        {{ var('statistics_days') }},
        {{ dbt.datediff('first_date', 'as_of_date', 'day') }} + 1
    )
    or days_in_state < 1
    or warming_to_active_days < 0
    or active_to_engaged_days < 0
