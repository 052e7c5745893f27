with activities as (

    select * from {{ ref('int_activity_daily') }}
    where known_date <= {{ end_date() }} and occurred_date <= {{ end_date() }}

),

activity_types as (

    select * from {{ ref('activity_types') }}
    where is_touch
        or activity_type in (
            {%- for activity_type in var('effort_inbound_types') %}
            '{{ activity_type }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )

),

identities as (

    select * from {{ ref('int_identity_owners') }}
    where {{ on_last_day() }}

),

-- Touches belong to the function their owner had then.
owners as (

    select * from {{ ref('int_owners') }}

)

select
    identities.account_id,
    identities.person_id,
    activities.occurred_date as touch_date,
    coalesce(owners.function_name, activity_types.default_function) as function_name,
    activity_types.touch_channel as channel,
    activity_types.direction,
    activities.activity_type,
    activities.feed,
    activities.owner_id,
    coalesce(activities.offer_type, 'unknown') as offer_type,
    coalesce(activities.content_level, 'unknown') as content_level,
    cast(sum(activities.quantity) as bigint) as touches
from activities
inner join activity_types on activities.activity_type = activity_types.activity_type
left join identities
    on
        activities.identity_type = identities.identity_type
        and activities.identity = identities.identity
        and activities.fallback_identity = identities.fallback_identity
left join owners
    on
        activities.owner_id = owners.owner_id
        and activities.occurred_date >= owners.valid_from
        and activities.occurred_date < owners.valid_to
group by
    identities.account_id, identities.person_id, activities.occurred_date,
    coalesce(owners.function_name, activity_types.default_function), activity_types.touch_channel,
    activity_types.direction, activities.activity_type, activities.feed, activities.owner_id,
    coalesce(activities.offer_type, 'unknown'), coalesce(activities.content_level, 'unknown')
having sum(activities.quantity) > 0
