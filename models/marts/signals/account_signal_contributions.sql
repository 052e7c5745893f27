{%- set cap_units = var('person_cap_points') * 100 * 1000000 -%}

with acts as (

    select * from {{ ref('int_account_acts') }}
    where {{ on_last_day() }} and points_h != 0
        and {{ end_date() }} < answered_on

),

names as (

    select * from {{ ref('int_account_names') }}

),

decay_weights as (

    select * from {{ ref('int_decay_weights') }}

),

accounts as (

    select account_id from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

decayed as (

    select
        acts.account_id,
        acts.person_id,
        acts.activity_type,
        acts.feed,
        cast(sum(acts.points_h * decay_weights.weight_millionths) as bigint) as units
    from acts
    inner join accounts on acts.account_id = accounts.account_id
    inner join decay_weights
        on
            acts.half_life_days = decay_weights.half_life_days
            and {{ dbt.datediff('acts.occurred_date', end_date(), 'day') }} = decay_weights.age_days
    group by acts.account_id, acts.person_id, acts.activity_type, acts.feed

),

-- Of a person at the cap each type keeps what fits under it, the weightiest type first.
so_far as (

    select
        decayed.*,
        sum(units) over (
            partition by account_id, person_id order by units desc, activity_type asc, feed asc
            rows between unbounded preceding and current row
        ) as units_so_far
    from decayed

),

kept as (

    select
        account_id,
        activity_type,
        feed,
        case
            when person_id is null then units
            else least(units_so_far, {{ cap_units }}) - least(units_so_far - units, {{ cap_units }})
        end as kept_units
    from so_far

),

summed as (

    select account_id, activity_type, feed, sum(kept_units) as units
    from kept
    group by account_id, activity_type, feed

)

select
    summed.account_id,
    names.account_name,
    names.owner_name,
    {{ end_date() }} as as_of_date,
    summed.activity_type as signal_type,
    summed.feed as source,
    cast(summed.units as double) / {{ 100 * 1000000 }} as points
from summed
left join names on summed.account_id = names.account_id
