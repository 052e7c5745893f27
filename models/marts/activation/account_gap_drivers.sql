with names as (

    select * from {{ ref('int_account_names') }}

),

gap_days as (

    select
        gap_days.*,
        names.account_name,
        names.owner_name
    from {{ ref('int_account_gap_days') }} as gap_days
    left join names on gap_days.account_id = names.account_id
    where gap_days.as_of_date = {{ end_date() }}

)

select
    account_id,
    account_name,
    owner_name,
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
    account_name,
    owner_name,
    as_of_date,
    'insufficient_coverage' as driver,
    cast(null as {{ dbt.type_string() }}) as cause,
    cast(coverage_driver_halves as double) / 2 as share,
    signal_driver is null as is_primary,
    is_sole_blocker,
    {{ driver_words("'insufficient_coverage'") }} as meaning
from gap_days
where has_coverage_driver
