{%- set day = end_date() -%}

with accounts as (

    select
        account_id,
        lifecycle,
        is_target or lifecycle = 'customer' as is_worked,
        case when is_target then 'any' else 'untargeted' end as driver
    from {{ ref('feat_account_days') }}
    -- What is dropped for its fit has no play: nobody is asked for anything.
    where as_of_date = {{ day }} and (fits_icp or lifecycle = 'customer')

),

exclusions as (

    select * from {{ ref('int_account_exclusions') }}

),

upgrades as (

    select
        states.account_id,
        states.state,
        accounts.lifecycle,
        accounts.is_worked,
        accounts.driver,
        states.valid_from as upgraded_on
    from {{ ref('int_account_states') }} as states
    inner join accounts on states.account_id = accounts.account_id
    inner join {{ ref('activation_states') }} as state_rules on states.state = state_rules.state
    where states.reason_code = 'rise'
        and state_rules.is_activated
        and states.valid_from > {{ add_days(day, -var('touched_days')) }}
        and states.valid_from <= {{ day }}

),

limits as (

    select * from {{ ref('response_limits') }}

),

play_rules as (

    select * from {{ ref('play_rules') }}
    where {{ is_one_of("'pursue'", 'decision') }} and readiness_segment = 'any'
        and (trigger = 'any' or {{ is_one_of("'rise'", 'trigger') }})

),

-- The play that the rules give to such a rise, whatever has happened to the account since.
plays_by_rise as (

    select
        rises.state,
        rises.lifecycle,
        rises.driver,
        plays.play_id,
        plays.owner_function,
        plays.first_touch_hours,
        row_number() over (
            partition by rises.state, rises.lifecycle, rises.driver order by play_rules.rule_rank
        ) as rule_order
    from (select distinct state, lifecycle, driver from upgrades) as rises
    inner join play_rules
        on (play_rules.state = 'any' or {{ is_one_of('rises.state', 'play_rules.state') }})
        and (play_rules.driver = 'any' or {{ is_one_of('rises.driver', 'play_rules.driver') }})
        and (
            play_rules.lifecycle = 'any'
            or {{ is_one_of('rises.lifecycle', 'play_rules.lifecycle') }}
        )
    inner join {{ ref('plays') }} as plays on play_rules.play_id = plays.play_id

),

-- The play's limit binds the function that owns it; the others have their own, for the accounts
-- that are theirs to touch. Of an account that is neither a target nor a customer nothing is asked
-- but what its play asks.
expected as (

    select
        upgrades.account_id,
        upgrades.state,
        upgrades.upgraded_on,
        plays_by_rise.play_id,
        plays_by_rise.first_touch_hours as play_limit_hours,
        limits.function_name,
        coalesce(plays_by_rise.owner_function = limits.function_name, false) as is_play_owner,
        coalesce(
            case when plays_by_rise.owner_function = limits.function_name
                then plays_by_rise.first_touch_hours end,
            limits.limit_hours
        ) as limit_hours
    from upgrades
    cross join limits
    left join plays_by_rise
        on
            upgrades.state = plays_by_rise.state
            and upgrades.lifecycle = plays_by_rise.lifecycle
            and upgrades.driver = plays_by_rise.driver
            and plays_by_rise.rule_order = 1
    where (
        coalesce(plays_by_rise.owner_function = limits.function_name, false)
        and (upgrades.is_worked or plays_by_rise.first_touch_hours is not null)
    )
    or (
        upgrades.is_worked
        and (limits.lifecycle = 'any' or {{ is_one_of('upgrades.lifecycle', 'limits.lifecycle') }})
    )

),

-- Touches of somebody, and meetings: an impression answers nobody.
touches as (

    select account_id, function_name, touch_date
    from {{ ref('account_touches') }}
    where (direction = 'outbound' and people > 0)
        or activity_type in (
            {%- for activity_type in var('effort_inbound_types') %}
            '{{ activity_type }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )

),

first_touches as (

    select
        expected.account_id,
        expected.upgraded_on,
        expected.function_name,
        min(touches.touch_date) as first_touch_on
    from expected
    inner join touches
        on
            expected.account_id = touches.account_id
            and expected.function_name = touches.function_name
            and expected.upgraded_on <= touches.touch_date
    group by expected.account_id, expected.upgraded_on, expected.function_name

),

-- Nobody is asked to touch an account that was excluded when it rose, or before the limit was over,
-- or that is excluded today.
withheld as (

    select
        expected.account_id,
        expected.upgraded_on,
        expected.function_name,
        max(case
            when
                expected.upgraded_on >= exclusions.valid_from
                and expected.upgraded_on < exclusions.valid_to
                then 1
            else 0
        end) = 1 as is_excluded_at_rise
    from expected
    inner join exclusions
        on
            expected.account_id = exclusions.account_id
            and expected.upgraded_on < exclusions.valid_to
            and exclusions.valid_from <= {{ day }}
            and (
                exclusions.valid_to > {{ day }}
                or 24 * {{ dbt.datediff('expected.upgraded_on', 'exclusions.valid_from', 'day') }}
                <= expected.limit_hours
            )
    group by expected.account_id, expected.upgraded_on, expected.function_name

),

waited as (

    select
        expected.*,
        first_touches.first_touch_on,
        withheld.account_id is not null as is_withheld,
        coalesce(withheld.is_excluded_at_rise, false) as is_excluded_at_rise,
        24 * {{ dbt.datediff('expected.upgraded_on', 'first_touches.first_touch_on', 'day') }}
            as hours_to_first_touch,
        24 * {{ dbt.datediff('expected.upgraded_on', day, 'day') }} as hours_since_upgrade
    from expected
    left join first_touches
        on
            expected.account_id = first_touches.account_id
            and expected.upgraded_on = first_touches.upgraded_on
            and expected.function_name = first_touches.function_name
    left join withheld
        on
            expected.account_id = withheld.account_id
            and expected.upgraded_on = withheld.upgraded_on
            and expected.function_name = withheld.function_name

)

select
    account_id,
    {{ day }} as as_of_date,
    upgraded_on,
    state,
    play_id,
    play_limit_hours,
    function_name,
    is_play_owner,
    first_touch_on,
    cast(hours_to_first_touch as integer) as hours_to_first_touch,
    limit_hours,
    case
        when is_excluded_at_rise then 'withheld'
        when hours_to_first_touch <= limit_hours then 'in_time'
        when hours_to_first_touch > limit_hours then 'late'
        when is_withheld then 'withheld'
        when hours_since_upgrade > limit_hours then 'missed'
        else 'waiting'
    end as response
from waited
