{%- set units_per_point = 100 * 1000000 -%}

with acts as (

    select * from {{ ref('int_account_acts') }}
    where points_h != 0

),

decay_weights as (

    select * from {{ ref('int_decay_weights') }}

),

-- Only a person who could ever pass the cap has to be summed apart, person by person.
people_at_cap as (

    select account_id, person_id
    from acts
    where person_id is not null
    group by account_id, person_id
    having sum(greatest(points_h, 0)) > {{ var('person_cap_points') * 100 }}

),

-- Whoever is summed apart has a number of its own: sums over tens of millions of acts x ages want
-- integers for keys, days included.
contributions as (

    select
        dense_rank() over (order by acts.account_id, people_at_cap.person_id) as contributor_number,
        acts.account_id,
        people_at_cap.person_id,
        {{ day_number('acts.occurred_date') }} as occurred_day,
        {{ day_number('acts.valid_from') }} - {{ day_number('acts.occurred_date') }} as first_age,
        {{ day_number('least(acts.valid_to, ' ~ add_days(end_date(), 1) ~ ')') }}
        - {{ day_number('acts.occurred_date') }} as end_age,
        acts.half_life_days,
        cast(sum(case when acts.channel = 'intent' then acts.points_h else 0 end) as bigint)
            as intent_points_h,
        cast(sum(case when acts.channel = 'intent' then 0 else acts.points_h end) as bigint)
            as engagement_points_h
    from acts
    left join people_at_cap
        on acts.account_id = people_at_cap.account_id and acts.person_id = people_at_cap.person_id
    group by
        acts.account_id,
        people_at_cap.person_id,
        acts.occurred_date,
        acts.valid_from,
        acts.valid_to,
        acts.half_life_days

),

contributors as (

    select distinct contributor_number, account_id, person_id from contributions

),

decayed_by_contributor as (

    select
        contributions.contributor_number,
        contributions.occurred_day + decay_weights.age_days as as_of_day,
        cast(sum(contributions.intent_points_h * decay_weights.weight_millionths) as bigint)
            as intent_units,
        cast(sum(contributions.engagement_points_h * decay_weights.weight_millionths) as bigint)
            as engagement_units
    from contributions
    inner join decay_weights
        on
            contributions.half_life_days = decay_weights.half_life_days
            and decay_weights.age_days >= contributions.first_age
            and decay_weights.age_days < contributions.end_age
    group by
        contributions.contributor_number, contributions.occurred_day + decay_weights.age_days

)

select
    contributors.account_id,
    {{ add_days("cast('1970-01-01' as date)", 'decayed_by_contributor.as_of_day') }}
        as as_of_date,
    cast(sum(decayed_by_contributor.intent_units) as bigint) as intent_units,
    cast(sum(
        case
            when contributors.person_id is null then decayed_by_contributor.engagement_units
            else least(
                decayed_by_contributor.engagement_units,
                {{ var('person_cap_points') * units_per_point }}
            )
        end
    ) as bigint) as engagement_units
from decayed_by_contributor
inner join contributors
    on decayed_by_contributor.contributor_number = contributors.contributor_number
group by contributors.account_id, decayed_by_contributor.as_of_day
