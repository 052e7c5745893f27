{%- set person_cap = var('person_cap_points') * 100 * 1000000 -%}

with acts as (

    select
        account_id,
        person_id,
        feed,
        {{ day_number('occurred_date') }} as occurred_day,
        {{ day_number('valid_from') }} - {{ day_number('occurred_date') }} as first_age,
        {{ day_number('least(valid_to, answered_on, ' ~ add_days(end_date(), 1) ~ ')') }}
        - {{ day_number('occurred_date') }} as end_age,
        half_life_days,
        points_h,
        case when channel = 'intent' then points_h else 0 end as intent_points_h,
        case when channel = 'intent' then 0 else points_h end as engagement_points_h
    from {{ ref('int_account_acts') }}
    where points_h != 0 and valid_from < answered_on

),

decay_weights as (

    select * from {{ ref('int_decay_weights') }}

),

-- Days on which a stale feed still holds downgrades, each with the day of its last delivery.
silences as (

    select
        feed,
        last_delivery_date,
        greatest(valid_from, {{ replay_start_date() }}) as valid_from,
        least(
            valid_to,
            {{ add_days('valid_from', var('stale_hold_days')) }},
            {{ add_days(end_date(), 1) }}
        ) as valid_to
    from {{ ref('int_feed_gaps') }}

),

open_silences as (

    select * from silences
    where valid_from < valid_to

),

silent_dates as (

    {{ each_day('open_silences') }}

),

silent_days as (

    select
        feed,
        {{ day_number('last_delivery_date') }} as last_day,
        {{ day_number('as_of_date') }} as as_of_day
    from silent_dates

),

-- Sums over tens of millions of acts x ages want integers for keys.
account_numbers as (

    select
        account_id,
        row_number() over (order by account_id) as account_number
    from acts
    group by account_id

),

contributions as (

    select
        account_numbers.account_number,
        acts.occurred_day,
        acts.first_age,
        acts.end_age,
        acts.half_life_days,
        cast(sum(acts.intent_points_h) as bigint) as intent_points_h,
        cast(sum(acts.engagement_points_h) as bigint) as engagement_points_h
    from acts
    inner join account_numbers on acts.account_id = account_numbers.account_id
    group by
        account_numbers.account_number,
        acts.occurred_day,
        acts.first_age,
        acts.end_age,
        acts.half_life_days

),

decayed as (

    select
        contributions.account_number,
        contributions.occurred_day + decay_weights.age_days as as_of_day,
        sum(contributions.intent_points_h * decay_weights.weight_millionths) as intent_units,
        sum(contributions.engagement_points_h * decay_weights.weight_millionths)
            as engagement_units
    from contributions
    inner join decay_weights
        on
            contributions.half_life_days = decay_weights.half_life_days
            and decay_weights.age_days >= contributions.first_age
            and decay_weights.age_days < contributions.end_age
    group by
        contributions.account_number, contributions.occurred_day + decay_weights.age_days

),

-- What a feed could have given an account had it gone on: so many times what the account had of it
-- on the day of the last delivery, less what is left of that.
lost as (

    select
        acts.account_id,
        acts.person_id,
        silent_days.as_of_day,
        cast(sum(acts.points_h * (
            {{ var('stale_hold_factor') }} * weights_then.weight_millionths
            - coalesce(weights_now.weight_millionths, 0)
        )) as bigint) as units
    from (
        select
            account_id, person_id, feed, occurred_day, first_age, end_age, half_life_days,
            sum(points_h) as points_h
        from acts
        group by
            account_id, person_id, feed, occurred_day, first_age, end_age, half_life_days
    ) as acts
    inner join silent_days
        on
            acts.feed = silent_days.feed
            and silent_days.as_of_day >= acts.occurred_day + acts.first_age
            and silent_days.as_of_day < acts.occurred_day + acts.end_age
    inner join decay_weights as weights_then
        on
            acts.half_life_days = weights_then.half_life_days
            and weights_then.age_days = greatest(silent_days.last_day - acts.occurred_day, 0)
    left join decay_weights as weights_now
        on
            acts.half_life_days = weights_now.half_life_days
            and weights_now.age_days = silent_days.as_of_day - acts.occurred_day
    group by acts.account_id, acts.person_id, silent_days.as_of_day

),

-- What people supply over the cap is taken off again. Only of a person who could ever pass it has
-- that to be worked out.
people_at_cap as (

    select
        account_id,
        person_id,
        row_number() over (order by account_id, person_id) as person_number
    from acts
    where person_id is not null
    group by account_id, person_id
    having sum(greatest(points_h, 0)) > {{ var('person_cap_points') * 100 }}

),

contributions_of_people as (

    select
        people_at_cap.person_number,
        acts.occurred_day,
        acts.first_age,
        acts.end_age,
        acts.half_life_days,
        cast(sum(acts.engagement_points_h) as bigint) as engagement_points_h
    from acts
    inner join people_at_cap
        on acts.account_id = people_at_cap.account_id and acts.person_id = people_at_cap.person_id
    group by
        people_at_cap.person_number,
        acts.occurred_day,
        acts.first_age,
        acts.end_age,
        acts.half_life_days

),

days_of_people as (

    select
        contributions_of_people.person_number,
        contributions_of_people.occurred_day + decay_weights.age_days as as_of_day,
        sum(contributions_of_people.engagement_points_h * decay_weights.weight_millionths)
            as units,
        0 as lost_units
    from contributions_of_people
    inner join decay_weights
        on
            contributions_of_people.half_life_days = decay_weights.half_life_days
            and decay_weights.age_days >= contributions_of_people.first_age
            and decay_weights.age_days < contributions_of_people.end_age
    group by
        contributions_of_people.person_number,
        contributions_of_people.occurred_day + decay_weights.age_days

    union all

    select
        people_at_cap.person_number,
        lost.as_of_day,
        0,
        lost.units
    from lost
    inner join people_at_cap
        on lost.account_id = people_at_cap.account_id and lost.person_id = people_at_cap.person_id

),

over_cap as (

    select
        person_number,
        as_of_day,
        greatest(sum(units) - {{ person_cap }}, 0) as units,
        greatest(sum(units) - {{ person_cap }}, 0)
        - greatest(sum(units) + sum(lost_units) - {{ person_cap }}, 0) as lost_units
    from days_of_people
    group by person_number, as_of_day
    having sum(units) + sum(lost_units) > {{ person_cap }}

),

excess as (

    select
        people_at_cap.account_id,
        over_cap.as_of_day,
        sum(over_cap.units) as units,
        sum(over_cap.lost_units) as lost_units
    from over_cap
    inner join people_at_cap on over_cap.person_number = people_at_cap.person_number
    group by people_at_cap.account_id, over_cap.as_of_day

),

totals as (

    select
        account_number,
        as_of_day,
        sum(intent_units) as intent_units,
        sum(engagement_units) as engagement_units,
        sum(lost_units) as lost_units
    from (
        select account_number, as_of_day, intent_units, engagement_units, 0 as lost_units
        from decayed

        union all

        select
            account_numbers.account_number,
            adjusted.as_of_day,
            0,
            adjusted.engagement_units,
            adjusted.lost_units
        from (
            select account_id, as_of_day, -units as engagement_units, lost_units from excess
            union all
            select account_id, as_of_day, 0, units from lost
        ) as adjusted
        inner join account_numbers on adjusted.account_id = account_numbers.account_id
    ) as parts
    group by account_number, as_of_day

)

select
    account_numbers.account_id,
    {{ add_days("cast('1970-01-01' as date)", 'totals.as_of_day') }} as as_of_date,
    cast(totals.intent_units as bigint) as intent_units,
    cast(totals.engagement_units as bigint) as engagement_units,
    cast(totals.lost_units as bigint) as lost_units
from totals
inner join account_numbers on totals.account_number = account_numbers.account_number
