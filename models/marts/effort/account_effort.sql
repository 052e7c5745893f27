{#- Sums of whole units are the same in any order. -#}
{%- set money = 'decimal(18, 4)' -%}
{%- set functions = ['sales_development', 'sales', 'marketing', 'customer_success'] -%}

with gap_days as (

    select * from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ end_date() }}

),

touches as (

    select * from {{ ref('account_touches') }}
    where direction = 'outbound' and touch_date > {{ add_days(end_date(), -var('touched_days')) }}

),

costs as (

    select * from {{ ref('touch_costs') }}

),

-- The function's own price goes before that of any, and a channel nobody priced costs as other.
priced as (

    select
        touches.*,
        touches.touches
        * coalesce(own_costs.usd_per_touch, any_costs.usd_per_touch, other_costs.usd_per_touch)
            as cost_usd
    from touches
    left join costs as own_costs
        on
            touches.channel = own_costs.touch_channel
            and touches.function_name = own_costs.function_name
    left join costs as any_costs
        on touches.channel = any_costs.touch_channel and any_costs.function_name = 'any'
    left join costs as other_costs
        on other_costs.touch_channel = 'other' and other_costs.function_name = 'any'

),

effort as (

    select
        account_id,
        {%- for function in functions %}
        sum(case when function_name = '{{ function }}' then touches else 0 end)
            as {{ function }}_touches,
        {%- endfor %}
        sum(touches) as touches,
        sum(cast(cost_usd as {{ money }})) as cost_usd,
        max(touch_date) as last_touch_on
    from priced
    group by account_id

)

select
    gap_days.account_id,
    gap_days.as_of_date,
    gap_days.is_target and not gap_days.is_activated as is_gap_account,
    gap_days.primary_driver,
    {%- for function in functions %}
    cast(coalesce(effort.{{ function }}_touches, 0) as bigint) as {{ function }}_touches,
    {%- endfor %}
    cast(coalesce(effort.touches, 0) as bigint) as touches,
    cast(round(coalesce(effort.cost_usd, 0), 2) as double) as effort_usd,
    effort.last_touch_on,
    coalesce(effort.touches, 0) > 0 as is_touched,
    coalesce(effort.touches, 0) > 0
    and coalesce(gap_days.signal_driver in ('low_intent', 'wrong_timing'), false)
        as is_against_calendar
from gap_days
left join effort on gap_days.account_id = effort.account_id
