with activities as (

    select
        identity_type, identity, fallback_identity, activity_type, feed, occurred_date,
        sum(quantity) as quantity
    from {{ ref('int_activity_daily') }}
    where known_date <= {{ end_date() }}
        and occurred_date > {{ add_days(end_date(), -var('max_age_days')) }}
        and occurred_date <= {{ end_date() }}
    group by identity_type, identity, fallback_identity, activity_type, feed, occurred_date
    having sum(quantity) > 0

),

activity_types as (

    select * from {{ ref('activity_types') }}

),

owners as (

    select * from {{ ref('int_identity_owners') }}
    where {{ on_last_day() }}

),

traffic_weights as (

    select * from {{ ref('int_traffic_weights') }}
    where weight_share < 1

),

excluded as (

    select
        activity_types.machine as category,
        0.0 as weight_share,
        activities.feed,
        activities.activity_type,
        activities.identity,
        cast(null as {{ dbt.type_string() }}) as account_id,
        activities.quantity
    from activities
    inner join activity_types
        on activities.activity_type = activity_types.activity_type
        and activity_types.machine is not null

    union all

    select
        traffic_weights.category,
        traffic_weights.weight_share,
        activities.feed,
        activities.activity_type,
        activities.identity,
        owners.account_id,
        activities.quantity
    from activities
    inner join activity_types
        on activities.activity_type = activity_types.activity_type
        and not activity_types.is_own_touch
        and activity_types.machine is null
    inner join owners
        on
            activities.identity_type = owners.identity_type
            and activities.identity = owners.identity
            and activities.fallback_identity = owners.fallback_identity
    inner join traffic_weights
        on
            owners.traffic_domain = traffic_weights.traffic_domain
            and activities.occurred_date >= traffic_weights.valid_from
            and activities.occurred_date < traffic_weights.valid_to

)

select
    {{ end_date() }} as as_of_date,
    category,
    feed,
    activity_type,
    cast(max(weight_share) as double) as weight_share,
    cast(sum(quantity) as bigint) as activities,
    count(distinct identity) as identities,
    count(distinct account_id) as accounts
from excluded
group by category, feed, activity_type
