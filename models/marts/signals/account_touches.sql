with names as (

    select * from {{ ref('int_account_names') }}

),

resolved as (

    select *
    from {{ ref('int_touch_days') }}
    where account_id is not null
        and touch_date > {{ add_days(end_date(), -var('max_age_days')) }}
        and activity_type in (
            select activity_types.activity_type
            from {{ ref('activity_types') }} as activity_types
            where activity_types.is_touch
        )

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
