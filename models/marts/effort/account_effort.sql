{%- set functions = ['sales_development', 'sales', 'marketing', 'customer_success'] -%}
{%- set is_recent = 'efforts.effort_date > ' ~ add_days(end_date(), -var('touched_days')) -%}

with gap_days as (

    select * from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

listings as (

    select * from {{ ref('int_target_accounts') }}
    where {{ on_last_day() }}

),

efforts as (

    select * from {{ ref('int_effort_days') }}
    where account_id is not null

),

effort as (

    select
        efforts.account_id,
        {%- for function in functions %}
        sum(
            case when {{ is_recent }} and efforts.function_name = '{{ function }}'
                then efforts.touches else 0 end
        ) as {{ function }}_touches,
        {%- endfor %}
        sum(case when {{ is_recent }} then efforts.touches else 0 end) as touches,
        sum(case when {{ is_recent }} then efforts.broad_touches else 0 end) as broad_touches,
        sum(case when {{ is_recent }} then efforts.broad_cost_usd else 0 end) as broad_cost_usd,
        sum(case when {{ is_recent }} then efforts.meetings else 0 end) as meetings,
        sum(case when {{ is_recent }} then efforts.touch_cost_usd else 0 end) as touch_cost_usd,
        sum(case when {{ is_recent }} then efforts.spend_usd else 0 end) as spend_usd,
        max(case when {{ is_recent }} and efforts.touches > 0 then efforts.effort_date end)
            as last_touch_on,
        sum(case when efforts.effort_date >= listings.listed_on then efforts.touches else 0 end)
            as touches_since_listed,
        sum(
            case when efforts.effort_date >= listings.listed_on
                then efforts.touch_cost_usd + efforts.spend_usd else 0 end
        ) as effort_since_listed_usd
    from efforts
    left join listings on efforts.account_id = listings.account_id
    group by efforts.account_id

)

select
    gap_days.account_id,
    names.account_name,
    names.owner_name,
    gap_days.as_of_date,
    gap_days.is_target and not gap_days.is_activated as is_gap_account,
    gap_days.primary_driver,
    {%- for function in functions %}
    cast(coalesce(effort.{{ function }}_touches, 0) as bigint) as {{ function }}_touches,
    {%- endfor %}
    cast(coalesce(effort.touches, 0) as bigint) as touches,
    cast(coalesce(effort.meetings, 0) as bigint) as meetings,
    cast(round(coalesce(effort.touch_cost_usd, 0), 2) as double) as touch_cost_usd,
    cast(round(coalesce(effort.spend_usd, 0), 2) as double) as spend_usd,
    cast(round(coalesce(effort.touch_cost_usd + effort.spend_usd, 0), 2) as double) as effort_usd,
    cast(coalesce(effort.broad_touches, 0) as bigint) as broad_touches,
    cast(round(coalesce(effort.broad_cost_usd, 0), 2) as double) as broad_cost_usd,
    effort.last_touch_on,
    coalesce(effort.touches, 0) > 0 as is_touched,
    coalesce(effort.touches, 0) > 0
    and coalesce(gap_days.signal_driver in ('low_intent', 'wrong_timing'), false)
        as is_against_calendar,
    listings.listed_on,
    listings.selected_by,
    listings.selection_basis,
    cast({{ dbt.datediff('listings.listed_on', end_date(), 'day') }} as integer)
        as days_since_listed,
    case when listings.account_id is not null
        then cast(coalesce(effort.touches_since_listed, 0) as bigint) end as touches_since_listed,
    case when listings.account_id is not null
        then cast(round(coalesce(effort.effort_since_listed_usd, 0), 2) as double) end
        as effort_since_listed_usd
from gap_days
left join names on gap_days.account_id = names.account_id
left join effort on gap_days.account_id = effort.account_id
left join listings on gap_days.account_id = listings.account_id
