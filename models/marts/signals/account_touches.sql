with activities as (

    select * from {{ ref('int_activity_daily') }}
    where known_date <= {{ end_date() }}
        and occurred_date > {{ add_days(end_date(), -var('max_age_days')) }}
        and occurred_date <= {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

activity_types as (

    select * from {{ ref('activity_types') }}
    where is_touch

),

identities as (

    select * from {{ ref('int_identity_owners') }}
    where {{ on_last_day() }}

),

-- Touches belong to the function their owner had then.
owners as (

    select * from {{ ref('int_owners') }}

),

resolved as (

    select
        identities.account_id,
        activities.occurred_date as touch_date,
        coalesce(owners.function_name, activity_types.default_function) as function_name,
        activity_types.touch_channel as channel,
        activity_types.direction,
        activities.activity_type,
        coalesce(activities.offer_type, 'unknown') as offer_type,
        coalesce(activities.content_level, 'unknown') as content_level,
        identities.person_id,
        sum(activities.quantity) as touches
    from activities
    inner join activity_types on activities.activity_type = activity_types.activity_type
    inner join identities
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
        identities.account_id, activities.occurred_date,
        coalesce(owners.function_name, activity_types.default_function),
        activity_types.touch_channel, activity_types.direction, activities.activity_type,
        coalesce(activities.offer_type, 'unknown'), coalesce(activities.content_level, 'unknown'),
        identities.person_id
    having sum(activities.quantity) > 0

),

summed as (

    select
        account_id, touch_date, function_name, channel, direction, activity_type, offer_type,
        content_level, sum(touches) as touches, count(distinct person_id) as people
    from resolved
    group by
        account_id, touch_date, function_name, channel, direction, activity_type, offer_type,
        content_level

)

select
    summed.account_id,
    names.account_name,
    names.owner_name,
    {{ end_date() }} as as_of_date,
    summed.touch_date,
    summed.function_name,
    summed.channel,
    summed.direction,
    summed.activity_type,
    summed.offer_type,
    summed.content_level,
    cast(summed.touches as bigint) as touches,
    summed.people
from summed
left join names on summed.account_id = names.account_id
