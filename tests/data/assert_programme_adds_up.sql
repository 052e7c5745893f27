-- Guards: the programme's activity is all of the effort there is, with or without an account; each
-- split of programme_focus sums to the whole of its period; before and since sum to the months.
-- Does not guard: that a lead or a deal stands in the right month.
with efforts as (

    select
        coalesce(sum(touches), 0) as touches,
        coalesce(sum(broad_touches), 0) as broad_touches,
        coalesce(sum(meetings), 0) as meetings,
        coalesce(sum(touch_cost_usd), 0) as touch_cost_usd,
        coalesce(sum(spend_usd), 0) as spend_usd
    from {{ ref('int_effort_days') }}

),

delivered_spend as (

    select * from {{ ref('stg_spend__daily') }}
    where known_date <= {{ end_date() }} and spend_date <= {{ end_date() }}

),

spend_rows as (

    {{ spend_with_totals('delivered_spend') }}

),

-- A total of other rows is no money of its own.
spend as (

    select coalesce(sum(cast(spend_usd as decimal(18, 4))), 0) as spend_usd
    from spend_rows
    where not is_total

),

activity as (

    select
        coalesce(sum(touches), 0) as touches,
        coalesce(sum(broad_touches), 0) as broad_touches,
        coalesce(sum(meetings) + sum(events), 0) as meetings,
        coalesce(sum(cast(touch_cost_usd as decimal(18, 4))), 0) as touch_cost_usd,
        coalesce(sum(cast(spend_usd as decimal(18, 4))), 0) as spend_usd
    from {{ ref('programme_activity') }}

),

splits as (

    select
        period_type,
        period,
        group_type,
        coalesce(sum(leads), 0) as leads,
        coalesce(sum(meetings), 0) as meetings,
        coalesce(sum(touches), 0) as touches,
        coalesce(sum(accounts), 0) as accounts,
        sum(cast(effort_usd as decimal(18, 4))) as effort_usd
    from {{ ref('programme_focus') }}
    group by period_type, period, group_type

),

period_types as (

    select
        period_type,
        sum(leads) as leads,
        sum(meetings) as meetings,
        sum(effort_usd) as effort_usd
    from splits
    where group_type = 'all'
    group by period_type

)

select 'programme_activity is not all of the effort' as fault
from activity
cross join efforts
cross join spend
where activity.touches != efforts.touches
    or activity.broad_touches != efforts.broad_touches
    or activity.meetings != efforts.meetings
    or activity.touch_cost_usd != efforts.touch_cost_usd
    or activity.spend_usd != efforts.spend_usd
    or activity.spend_usd != spend.spend_usd

union all

select
    'the groups of ' || splits.group_type || ' do not sum to the whole of '
    || splits.period_type || ' ' || splits.period
from splits
inner join splits as whole
    on splits.period_type = whole.period_type and splits.period = whole.period
where whole.group_type = 'all'
    and (
        splits.leads != whole.leads
        or splits.meetings != whole.meetings
        or splits.touches != whole.touches
        or splits.accounts != whole.accounts
        or splits.effort_usd != whole.effort_usd
    )

union all

select 'before and since do not sum to the months'
from period_types as programme
inner join period_types as months on months.period_type = 'month'
where programme.period_type = 'programme'
    and (
        programme.leads != months.leads
        or programme.meetings != months.meetings
        or programme.effort_usd != months.effort_usd
    )
