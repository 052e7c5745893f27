{%- set daily_cap_h = var('daily_identity_cap_points') * 100 -%}

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
        cast(sum(activities.quantity) as bigint) as quantity,
        cast(sum(activities.quantity * activity_types.base_points * 100) as bigint) as raw_points_h
    from activities
    inner join activity_types on activities.activity_type = activity_types.activity_type
    group by
        activities.identity_type, activities.identity, activities.fallback_identity,
        activities.known_date, activities.occurred_date, activities.activity_type, activities.feed

),

-- Days on which a deal ended, each with the one before.
deal_ends as (

    select
        account_id,
        ended_on,
        lag(ended_on, 1, {{ ever_since() }}) over (
            partition by account_id order by ended_on
        ) as ended_before
    from (
        select distinct account_id, valid_from as ended_on
        from {{ ref('int_opportunity_spans') }}
        where outcome != 'open' and not is_renewal and valid_from = stage_changed_date
    ) as ends

),

-- Few identities reach the cap, or take something back, on any day.
capped_days as (

    select identity_type, identity, occurred_date
    from pointed
    group by identity_type, identity, occurred_date
    having sum(raw_points_h) > {{ daily_cap_h }} or min(raw_points_h) < 0

),

running as (

    select
        pointed.*,
        sum(pointed.raw_points_h) over (
            partition by pointed.identity_type, pointed.identity, pointed.occurred_date
            order by
                pointed.known_date, pointed.activity_type, pointed.feed, pointed.fallback_identity
            rows between unbounded preceding and current row
        ) as raw_so_far_h
    from pointed
    inner join capped_days
        on
            pointed.identity_type = capped_days.identity_type
            and pointed.identity = capped_days.identity
            and pointed.occurred_date = capped_days.occurred_date

),

acts as (

    select
        identity_type, identity, fallback_identity, known_date, occurred_date, activity_type, feed,
        quantity,
        cast(
            least(greatest(raw_so_far_h, 0), {{ daily_cap_h }})
            - least(greatest(raw_so_far_h - raw_points_h, 0), {{ daily_cap_h }}) as bigint
        ) as base_points_h
    from running

    union all

    select
        pointed.identity_type, pointed.identity, pointed.fallback_identity, pointed.known_date,
        pointed.occurred_date, pointed.activity_type, pointed.feed, pointed.quantity,
        pointed.raw_points_h
    from pointed
    left join capped_days
        on
            pointed.identity_type = capped_days.identity_type
            and pointed.identity = capped_days.identity
            and pointed.occurred_date = capped_days.occurred_date
    where capped_days.identity is null

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
        cast(sum(surging_topics) as bigint) as quantity,
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

),

attributed as (

    select
        owners.account_id,
        owners.person_id,
        weighted.occurred_date,
        greatest(
            weighted.known_date, weighted.occurred_date, owners.valid_from,
            {{ replay_start_date() }}
        ) as valid_from,
        least(
            owners.valid_to, {{ add_days('weighted.occurred_date', var('max_age_days') + 1) }}
        ) as valid_to,
        weighted.activity_type,
        weighted.feed,
        weighted.quantity,
        weighted.base_points_h,
        weighted.points_h,
        coalesce(traffic_weights.weight_share, 1) as weight_share
    from weighted
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
    inner join activity_types on weighted.activity_type = activity_types.activity_type
    -- Traffic that weighs nothing was no act of the account; what we did is ours whoever got it.
    where activity_types.is_own_touch or coalesce(traffic_weights.weight_share, 1) > 0

),

counted as (

    select
        account_id,
        person_id,
        occurred_date,
        valid_from,
        valid_to,
        activity_type,
        feed,
        cast(sum(quantity) as bigint) as quantity,
        cast(sum(cast(round(base_points_h * weight_share) as bigint)) as bigint) as base_points_h,
        cast(sum(cast(round(points_h * weight_share) as bigint)) as bigint) as points_h
    from attributed
    where valid_from < valid_to
    group by account_id, person_id, occurred_date, valid_from, valid_to, activity_type, feed

)

select
    counted.account_id,
    counted.person_id,
    counted.occurred_date,
    counted.valid_from,
    counted.valid_to,
    coalesce(deal_ends.ended_on, {{ forever() }}) as answered_on,
    counted.activity_type,
    counted.feed,
    activity_types.channel,
    activity_types.half_life_days,
    activity_types.is_buying_signal,
    activity_types.is_two_way,
    activity_types.is_own_touch,
    activity_types.is_addressed,
    activity_types.reaches_person,
    counted.quantity,
    counted.base_points_h,
    counted.points_h
from counted
inner join activity_types on counted.activity_type = activity_types.activity_type
left join deal_ends
    on
        counted.account_id = deal_ends.account_id
        and counted.occurred_date <= deal_ends.ended_on
        and counted.occurred_date > deal_ends.ended_before
