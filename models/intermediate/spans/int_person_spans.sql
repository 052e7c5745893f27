with people as (

    select * from {{ ref('int_people') }}

),

days as (

    select * from {{ ref('int_days') }}

),

activities as (

    select * from {{ ref('int_activity_daily') }}
    where known_date <= {{ end_date() }}

),

activity_types as (

    select * from {{ ref('activity_types') }}

),

owners as (

    select * from {{ ref('int_identity_owners') }}
    where person_id is not null

),

-- Acts under their own name prove that a person was there. All of them count, not only recent ones.
verifications as (

    select distinct
        owners.person_id,
        activities.occurred_date as verified_date,
        greatest(activities.known_date, activities.occurred_date) as known_date
    from activities
    inner join activity_types on activities.activity_type = activity_types.activity_type
    inner join owners
        on
            activities.identity_type = owners.identity_type
            and activities.identity = owners.identity
            and activities.fallback_identity = owners.fallback_identity
            and greatest(activities.known_date, activities.occurred_date) >= owners.valid_from
            and greatest(activities.known_date, activities.occurred_date) < owners.valid_to
    left join {{ ref('int_traffic_weights') }} as traffic_weights
        on
            owners.traffic_domain = traffic_weights.traffic_domain
            and activities.occurred_date >= traffic_weights.valid_from
            and activities.occurred_date < traffic_weights.valid_to
    -- Acts that a traffic rule leaves out do not prove that the person is there.
    where activity_types.proves_presence
        and activities.quantity > 0
        and coalesce(traffic_weights.weight_share, 1) > 0

),

months as (

    select distinct month_start_date from days

),

-- A person's probability of being there is looked at when something about the person changes and on
-- the first of each month.
boundaries as (

    select person_id, valid_from as boundary from people
    union
    select person_id, valid_to from people
    union
    select person_id, known_date from verifications
    union
    select people.person_id, months.month_start_date
    from people
    inner join months
        on months.month_start_date > people.valid_from and months.month_start_date < people.valid_to

),

stretches as (

    select
        person_id,
        boundary as valid_from,
        lead(boundary) over (partition by person_id order by boundary) as valid_to
    from boundaries

),

current_stretches as (

    select * from stretches
    where valid_to > {{ replay_start_date() }} and valid_from <= {{ end_date() }}

),

verified as (

    select
        current_stretches.person_id,
        current_stretches.valid_from,
        current_stretches.valid_to,
        max(verifications.verified_date) as verified_date
    from current_stretches
    left join verifications
        on
            current_stretches.person_id = verifications.person_id
            and current_stretches.valid_from >= verifications.known_date
    group by current_stretches.person_id, current_stretches.valid_from, current_stretches.valid_to

),

presence as (

    select
        people.account_id,
        people.person_id,
        people.persona,
        people.is_mapped,
        people.is_contactable,
        people.is_present,
        people.absence_reason,
        people.persona_confidence_share,
        verified.valid_from,
        verified.valid_to,
        greatest({{ dbt.datediff(
            'greatest(people.created_date, coalesce(verified.verified_date, people.created_date))',
            'verified.valid_from', 'month'
        ) }}, 0) as months_since_verified
    from verified
    inner join people
        on
            verified.person_id = people.person_id
            and verified.valid_from >= people.valid_from
            and verified.valid_from < people.valid_to

),

probabilities as (

    select
        presence.*,
        case
            when is_present
                then
                    least(
                        power(
                            1 - {{ var('yearly_leave_share') }}, months_since_verified / 12.0
                        ),
                        1.0
                    )
            else 0.0
        end as presence_probability
    from presence

)

select
    account_id,
    person_id,
    persona,
    is_mapped,
    is_contactable,
    absence_reason,
    months_since_verified,
    greatest(valid_from, {{ replay_start_date() }}) as valid_from,
    valid_to,
    presence_probability,
    least(presence_probability * persona_confidence_share, {{ var('max_presence_probability') }})
        as seat_probability
from probabilities
