with days as (

    {{ dbt.date_spine('day', replay_start_date(), add_days(end_date(), 1)) }}

)

select
    cast(date_day as date) as as_of_date,
    cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_start_date,
    cast(date_day as date) = cast({{ dbt.last_day('date_day', 'month') }} as date) as is_month_end
from days
