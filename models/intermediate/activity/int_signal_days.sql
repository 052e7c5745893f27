{%- set units_per_point = 100 * 1000000 -%}

with acts as (

    select
        account_id,
        person_id,
        {{ day_number('occurred_date') }} as occurred_day,
        {{ day_number('valid_from') }} - {{ day_number('occurred_date') }} as first_age,
        {{ day_number('least(valid_to, ' ~ add_days(end_date(), 1) ~ ')') }}
        - {{ day_number('occurred_date') }} as end_age,
        half_life_days,
        points_h,
        case when channel = 'intent' then points_h else 0 end as intent_points_h,
        case when channel = 'intent' then 0 else points_h end as engagement_points_h
    from {{ ref('int_account_acts') }}
    where points_h != 0

),

decay_weights as (

    select * from {{ ref('int_decay_weights') }}

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

over_cap as (

    select
        contributions_of_people.person_number,
        contributions_of_people.occurred_day + decay_weights.age_days as as_of_day,
        sum(contributions_of_people.engagement_points_h * decay_weights.weight_millionths)
        - {{ var('person_cap_points') * units_per_point }} as units
    from contributions_of_people
    inner join decay_weights
        on
            contributions_of_people.half_life_days = decay_weights.half_life_days
            and decay_weights.age_days >= contributions_of_people.first_age
            and decay_weights.age_days < contributions_of_people.end_age
    group by
        contributions_of_people.person_number,
        contributions_of_people.occurred_day + decay_weights.age_days
    having
        sum(contributions_of_people.engagement_points_h * decay_weights.weight_millionths)
        > {{ var('person_cap_points') * units_per_point }}

),

excess as (

    select
        people_at_cap.account_id,
        over_cap.as_of_day,
        sum(over_cap.units) as units
    from over_cap
    inner join people_at_cap on over_cap.person_number = people_at_cap.person_number
    group by people_at_cap.account_id, over_cap.as_of_day

)

select
    account_numbers.account_id,
    {{ add_days("cast('1970-01-01' as date)", 'decayed.as_of_day') }} as as_of_date,
    cast(decayed.intent_units as bigint) as intent_units,
    cast(decayed.engagement_units - coalesce(excess.units, 0) as bigint) as engagement_units
from decayed
inner join account_numbers on decayed.account_number = account_numbers.account_number
left join excess
    on
        account_numbers.account_id = excess.account_id
        and decayed.as_of_day = excess.as_of_day
