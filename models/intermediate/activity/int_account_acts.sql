with activities as (

    select * from {{ ref('int_activity_daily') }}
    where occurred_date >= {{ add_days(replay_start_date(), -var('max_age_days')) }}
        and known_date <= {{ end_date() }}

),

activity_types as (

    select * from {{ ref('activity_types') }}

),

seniority_levels as (

    select * from {{ ref('seniority_levels') }}

),

owners as (

    select * from {{ ref('int_identity_owners') }}

),

traffic_weights as (

    select * from {{ ref('int_traffic_weights') }}

),

-- Base points in hundredths, and what of them is left under the cap of one raw identity and one
-- day. Increments by the date they became known, so that a late act adds from that date and no
-- earlier.
pointed as (

    select
        activities.identity_type,
        activities.identity,
        activities.fallback_identity,
        activities.known_date,
        activities.occurred_date,
        activities.activity_type,
        activities.feed,
        sum(activities.quantity) as quantity,
        cast(sum(activities.quantity * activity_types.base_points * 100) as bigint) as raw_points_h
    from activities
    inner join activity_types on activities.activity_type = activity_types.activity_type
    group by
        activities.identity_type, activities.identity, activities.fallback_identity,
        activities.known_date, activities.occurred_date, activities.activity_type, activities.feed

),

running as (

    select
        pointed.*,
        least(
            greatest(sum(raw_points_h) over day_so_far, 0),
            {{ var('daily_identity_cap_points') * 100 }}
        ) as capped_so_far_h
    from pointed
    window day_so_far as (
        partition by identity_type, identity, occurred_date
        order by known_date, activity_type, feed, fallback_identity
        rows between unbounded preceding and current row
    )

),

acts as (

    select
        running.identity_type,
        running.identity,
        running.fallback_identity,
        running.known_date,
        running.occurred_date,
        running.activity_type,
        running.feed,
        running.quantity,
        cast(
            capped_so_far_h - coalesce(
                lag(capped_so_far_h) over (
                    partition by identity_type, identity, occurred_date
                    order by known_date, activity_type, feed, fallback_identity
                ), 0
            ) as bigint
        ) as base_points_h
    from running

),

intent as (

    select
        'domain' as identity_type,
        domain as identity,
        '' as fallback_identity,
        known_date,
        report_date as occurred_date,
        'intent' as activity_type,
        feed,
        sum(surging_topics) as quantity,
        cast(sum(base_points_h) as bigint) as base_points_h
    from {{ ref('int_intent_points') }}
    group by domain, known_date, report_date, feed

),

all_acts as (

    select * from acts
    union all
    select * from intent

),

-- The multiplier is that of the title known when the act became known; a company's intent has none.
weighted as (

    select
        all_acts.*,
        case
            when all_acts.identity_type in ('domain', 'crm_account') then all_acts.base_points_h
            else cast(round(all_acts.base_points_h * coalesce(
                seniority_levels.multiplier, other_level.multiplier
            )) as bigint)
        end as points_h
    from all_acts
    inner join seniority_levels as other_level on other_level.seniority = 'other'
    left join owners
        on
            all_acts.identity_type = owners.identity_type
            and all_acts.identity = owners.identity
            and all_acts.fallback_identity = owners.fallback_identity
            and all_acts.known_date >= owners.valid_from
            and all_acts.known_date < owners.valid_to
    left join seniority_levels on owners.seniority = seniority_levels.seniority

)

select
    owners.account_id,
    owners.person_id,
    weighted.occurred_date,
    greatest(
        weighted.known_date, weighted.occurred_date, owners.valid_from, {{ replay_start_date() }}
    )
        as valid_from,
    least(owners.valid_to, {{ add_days('weighted.occurred_date', var('max_age_days') + 1) }})
        as valid_to,
    weighted.activity_type,
    weighted.feed,
    activity_types.channel,
    activity_types.half_life_days,
    activity_types.is_buying_signal,
    activity_types.is_two_way,
    activity_types.is_own_touch,
    activity_types.reaches_person,
    sum(weighted.quantity) as quantity,
    sum(cast(
        round(weighted.base_points_h * coalesce(traffic_weights.weight_share, 1)) as bigint
    )) as base_points_h,
    sum(cast(
        round(weighted.points_h * coalesce(traffic_weights.weight_share, 1)) as bigint
    )) as points_h
from weighted
inner join activity_types on weighted.activity_type = activity_types.activity_type
inner join owners
    on
        weighted.identity_type = owners.identity_type
        and weighted.identity = owners.identity
        and weighted.fallback_identity = owners.fallback_identity
left join traffic_weights
    on
        owners.traffic_domain = traffic_weights.traffic_domain
        and weighted.occurred_date >= traffic_weights.valid_from
        and weighted.occurred_date < traffic_weights.valid_to
where
    -- Traffic that weighs nothing was no act of the account; what we did is ours whoever got it.
    (activity_types.is_own_touch or coalesce(traffic_weights.weight_share, 1) > 0)
    and greatest(
        weighted.known_date, weighted.occurred_date, owners.valid_from, {{ replay_start_date() }}
    )
    < least(owners.valid_to, {{ add_days('weighted.occurred_date', var('max_age_days') + 1) }})
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13  -- noqa: AM06
