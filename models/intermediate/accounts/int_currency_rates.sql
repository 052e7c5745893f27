{{ config(materialized='view') }}

select
    currency_code,
    usd_per_unit,
    valid_from,
    coalesce(
        lead(valid_from) over (partition by currency_code order by valid_from), {{ forever() }}
    ) as valid_to
from {{ ref('currency_rates') }}
