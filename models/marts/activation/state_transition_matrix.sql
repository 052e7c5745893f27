with activation_history as (

    select * from {{ ref('account_activation_history') }}

),

-- The days that are stored: each has its gap.
months as (

    select
        month_start_date,
        last_date,
        -- The first stored day is where the first month starts from.
        coalesce(lag(last_date) over (order by month_start_date), first_date) as opening_date,
        lag(last_date) over (order by month_start_date) is not null
        and last_date = cast({{ dbt.last_day('last_date', 'month') }} as date) as is_complete
    from (
        select
            cast({{ dbt.date_trunc('month', 'as_of_date') }} as date) as month_start_date,
            min(as_of_date) as first_date,
            max(as_of_date) as last_date
        from {{ ref('activation_gap') }}
        group by cast({{ dbt.date_trunc('month', 'as_of_date') }} as date)
    ) as stored_months

),

sides as (

    select
        months.month_start_date,
        months.last_date,
        months.is_complete,
        activation_history.account_id,
        max(case
            when activation_history.valid_from <= months.opening_date
                and coalesce(activation_history.valid_to, {{ forever() }}) > months.opening_date
                then activation_history.state
        end) as from_state,
        max(case
            when activation_history.valid_from <= months.last_date
                and coalesce(activation_history.valid_to, {{ forever() }}) > months.last_date
                then activation_history.state
        end) as to_state
    from months
    inner join activation_history
        on
            months.last_date >= activation_history.valid_from
            and months.opening_date < coalesce(activation_history.valid_to, {{ forever() }})
    group by
        months.month_start_date, months.last_date, months.is_complete, activation_history.account_id

),

cells as (

    select
        month_start_date,
        last_date,
        is_complete,
        coalesce(from_state, 'not an account') as from_state,
        coalesce(to_state, 'not an account') as to_state,
        count(*) as accounts
    from sides
    -- An account that came and went within the month was there at neither end of it.
    where from_state is not null or to_state is not null
    group by
        month_start_date,
        last_date,
        is_complete,
        coalesce(from_state, 'not an account'),
        coalesce(to_state, 'not an account')

)

select
    month_start_date,
    from_state,
    to_state,
    last_date as as_of_date,
    is_complete,
    accounts,
    cast(accounts as double)
    / sum(accounts) over (partition by month_start_date, from_state) as share,
    from_state = to_state as is_stay
from cells
