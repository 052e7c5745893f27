with account_days as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

profiles as (

    select * from {{ ref('int_account_profiles') }}
    where {{ on_last_day() }}

),

accounts as (

    select account_days.account_id, profiles.employee_band
    from account_days
    left join profiles on account_days.account_id = profiles.account_id

),

deals as (

    select
        accounts.employee_band,
        opportunities.annual_amount_usd
    from {{ ref('int_opportunity_spans') }} as opportunities
    inner join accounts on opportunities.account_id = accounts.account_id
    where {{ on_last_day('opportunities.') }}
        and opportunities.outcome in ('open', 'won')
        and not opportunities.is_renewal
        and opportunities.annual_amount_usd > 0

),

band_values as (

    select employee_band, median(annual_amount_usd) as median_usd
    from deals
    where employee_band is not null
    group by employee_band
    having count(*) >= {{ var('deal_value_min_deals') }}

),

overall_value as (

    select median(annual_amount_usd) as median_usd
    from deals
    having count(*) >= {{ var('deal_value_min_deals') }}

)

select
    accounts.account_id,
    coalesce(
        band_values.median_usd, overall_value.median_usd, {{ var('deal_value_fallback_usd') }}
    ) as account_value_usd,
    case
        when band_values.median_usd is not null then 'median deal of its size'
        when overall_value.median_usd is not null then 'median deal'
        else 'assumed'
    end as value_basis
from accounts
left join band_values on accounts.employee_band = band_values.employee_band
left join overall_value on 1 = 1
