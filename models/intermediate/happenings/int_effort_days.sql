{#- Sums of whole units are the same in any order. -#}
{%- set money = 'decimal(18, 4)' -%}

with activity_types as (

    select
        *,
        direction = 'outbound' as is_outbound
    from {{ ref('activity_types') }}
    where (is_touch and direction = 'outbound')
        or activity_type in (
            {%- for activity_type in var('effort_inbound_types') %}
            '{{ activity_type }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )

),

touch_days as (

    select
        touch_days.account_id,
        touch_days.touch_date as effort_date,
        touch_days.function_name,
        touch_days.channel,
        touch_days.offer_type,
        touch_days.content_level,
        coalesce(touch_days.owner_id, '') as owner_id,
        touch_days.touches,
        activity_types.is_outbound,
        activity_types.is_outbound and not activity_types.is_addressed as is_broad,
        activity_types.reaches_person
    from {{ ref('int_touch_days') }} as touch_days
    inner join activity_types on touch_days.activity_type = activity_types.activity_type

),

costs as (

    select * from {{ ref('touch_costs') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

delivered_spend as (

    select * from {{ ref('stg_spend__daily') }}
    where known_date <= {{ end_date() }} and spend_date <= {{ end_date() }}

),

spend_rows as (

    {{ spend_with_totals('delivered_spend') }}

),

spend as (

    select
        survivors.account_id,
        spend_rows.spend_date as effort_date,
        spend_rows.function_name,
        spend_rows.channel,
        sum(cast(spend_rows.spend_usd as {{ money }})) as spend_usd
    from spend_rows
    left join survivors on spend_rows.crm_account_id = survivors.crm_account_id
    where not spend_rows.is_total
    group by
        survivors.account_id, spend_rows.spend_date, spend_rows.function_name, spend_rows.channel

),

-- A meeting costs once, however many of theirs sat in it; of several offers it has the first by
-- name.
held as (

    select
        account_id,
        effort_date,
        function_name,
        channel,
        owner_id,
        min(offer_type) as offer_type,
        min_by(content_level, offer_type || ' ' || content_level) as content_level
    from touch_days
    where not is_outbound
    group by account_id, effort_date, function_name, channel, owner_id

),

touches as (

    select
        account_id, effort_date, function_name, channel, offer_type, content_level, is_outbound,
        is_broad, reaches_person, sum(touches) as touches
    from touch_days
    where is_outbound
    group by
        account_id, effort_date, function_name, channel, offer_type, content_level, is_outbound,
        is_broad, reaches_person

    union all

    select
        account_id, effort_date, function_name, channel, offer_type, content_level, false,
        false, true, count(*)
    from held
    group by account_id, effort_date, function_name, channel, offer_type, content_level

),

-- The function's own price goes before that of any, and a channel nobody priced costs as other.
-- What was paid for an account on a channel is not estimated from its touches a second time.
priced as (

    select
        touches.account_id,
        touches.effort_date,
        touches.function_name,
        touches.channel,
        touches.offer_type,
        touches.content_level,
        touches.is_broad,
        case when touches.is_outbound and not touches.is_broad then touches.touches else 0 end
            as touches,
        case when touches.is_broad then touches.touches else 0 end as broad_touches,
        case when touches.is_broad and touches.reaches_person then touches.touches else 0 end
            as mailings,
        case when touches.is_outbound then 0 else touches.touches end as meetings,
        case
            when spend.account_id is not null then 0
            else
                touches.touches * coalesce(
                    own_costs.usd_per_touch, any_costs.usd_per_touch, other_costs.usd_per_touch
                )
        end as cost_usd
    from touches
    left join spend
        on
            touches.account_id = spend.account_id
            and touches.effort_date = spend.effort_date
            and touches.channel = spend.channel
            and touches.function_name = spend.function_name
    left join costs as own_costs
        on
            touches.channel = own_costs.touch_channel
            and touches.function_name = own_costs.function_name
    left join costs as any_costs
        on touches.channel = any_costs.touch_channel and any_costs.function_name = 'any'
    left join costs as other_costs
        on other_costs.touch_channel = 'other' and other_costs.function_name = 'any'

),

efforts as (

    select
        account_id, effort_date, function_name, channel, offer_type, content_level, touches,
        broad_touches, mailings, meetings,
        cast(case when is_broad then 0 else cost_usd end as {{ money }}) as touch_cost_usd,
        cast(case when is_broad then cost_usd else 0 end as {{ money }}) as broad_cost_usd,
        cast(0 as {{ money }}) as spend_usd
    from priced
    union all
    select
        account_id, effort_date, function_name, channel, 'unknown', 'unknown', 0, 0, 0, 0,
        cast(0 as {{ money }}), cast(0 as {{ money }}), spend_usd
    from spend

)

select
    account_id,
    effort_date,
    function_name,
    channel,
    offer_type,
    content_level,
    cast(sum(touches) as bigint) as touches,
    cast(sum(broad_touches) as bigint) as broad_touches,
    cast(sum(mailings) as bigint) as mailings,
    cast(sum(meetings) as bigint) as meetings,
    sum(touch_cost_usd) as touch_cost_usd,
    sum(broad_cost_usd) as broad_cost_usd,
    sum(spend_usd) as spend_usd
from efforts
group by account_id, effort_date, function_name, channel, offer_type, content_level
