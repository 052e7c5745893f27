with gap_days as (

    select * from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ end_date() }}

)

select
    account_id,
    as_of_date,
    signal_driver as driver,
    signal_cause as cause,
    cast(signal_driver_halves as double) / 2 as share,
    true as is_primary,
    is_sole_blocker,
    {{ driver_words('signal_driver') }} as meaning
from gap_days
where signal_driver is not null

union all

select
    account_id,
    as_of_date,
    'insufficient_coverage' as driver,
    cast(null as {{ dbt.type_string() }}) as cause,
    cast(coverage_driver_halves as double) / 2 as share,
    signal_driver is null as is_primary,
    is_sole_blocker,
    {{ driver_words("'insufficient_coverage'") }} as meaning
from gap_days
where has_coverage_driver
