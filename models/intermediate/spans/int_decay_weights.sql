with half_lives as (

    select distinct half_life_days from {{ ref('activity_types') }}

),

ages as (

    {{ dbt.generate_series(var('max_age_days') + 1) }}

)

select
    half_lives.half_life_days,
    cast(ages.generated_number - 1 as integer) as age_days,
    cast(round(
        1000000 * power(2.0, -(ages.generated_number - 1) / half_lives.half_life_days)
    ) as bigint) as weight_millionths
from half_lives
cross join ages
where ages.generated_number - 1 <= {{ var('counted_half_lives') }} * half_lives.half_life_days
