{%- set day = end_date() -%}

with accounts as (

    select account_id from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

upgrades as (

    select
        states.account_id,
        states.state,
        states.valid_from as upgraded_on
    from {{ ref('int_account_states') }} as states
    inner join accounts on states.account_id = accounts.account_id
    where states.reason_code = 'rise'
        and states.state in ('active', 'engaged')
        and states.valid_from > {{ add_days(day, -var('touched_days')) }}
        and states.valid_from <= {{ day }}

),

limits as (

    select * from {{ ref('response_limits') }}

),

-- Touches of somebody: an impression answers nobody.
touches as (

    select account_id, function_name, touch_date
    from {{ ref('account_touches') }}
    where direction = 'outbound' and people > 0

),

first_touches as (

    select
        upgrades.account_id,
        upgrades.state,
        upgrades.upgraded_on,
        limits.function_name,
        limits.limit_hours,
        min(touches.touch_date) as first_touch_on
    from upgrades
    cross join limits
    left join touches
        on
            upgrades.account_id = touches.account_id
            and limits.function_name = touches.function_name
            and upgrades.upgraded_on <= touches.touch_date
    group by
        upgrades.account_id, upgrades.state, upgrades.upgraded_on, limits.function_name,
        limits.limit_hours

),

waited as (

    select
        *,
        24 * {{ dbt.datediff('upgraded_on', 'first_touch_on', 'day') }} as hours_to_first_touch,
        24 * {{ dbt.datediff('upgraded_on', day, 'day') }} as hours_since_upgrade
    from first_touches

)

select
    account_id,
    {{ day }} as as_of_date,
    upgraded_on,
    state,
    function_name,
    first_touch_on,
    cast(hours_to_first_touch as integer) as hours_to_first_touch,
    limit_hours,
    case
        when hours_to_first_touch <= limit_hours then 'in_time'
        when hours_to_first_touch > limit_hours then 'late'
        when hours_since_upgrade > limit_hours then 'missed'
        else 'waiting'
    end as response
from waited
