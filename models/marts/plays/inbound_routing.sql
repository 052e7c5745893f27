with acts as (

    select * from {{ ref('int_account_acts') }}
    where activity_type in (
        {%- for activity_type in var('inbound_activity_types') %}
        '{{ activity_type }}'{{ ',' if not loop.last }}
        {%- endfor %}
    )
        and occurred_date > {{ add_days(end_date(), -var('inbound_days')) }}
        and {{ on_last_day() }}

),

accounts as (

    select * from {{ ref('accounts') }}

),

fit as (

    select * from {{ ref('account_fit') }}

),

exclusions as (

    select * from {{ ref('int_account_exclusions') }}

),

routes as (

    select * from {{ ref('inbound_routes') }}

),

-- An ad that is shown answers nobody; a meeting does.
touches as (

    select * from {{ ref('account_touches') }}
    where (direction = 'outbound' and channel != 'ads')
        or activity_type in (
            {%- for activity_type in var('effort_inbound_types') %}
            '{{ activity_type }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )

),

inbound as (

    select
        acts.account_id,
        acts.occurred_date as act_date,
        string_agg(distinct acts.activity_type, ', ' order by acts.activity_type) as activity_types,
        sum(acts.quantity) as acts
    from acts
    group by acts.account_id, acts.occurred_date
    having sum(acts.quantity) > 0

),

judged as (

    select
        inbound.account_id,
        inbound.act_date,
        inbound.activity_types,
        inbound.acts,
        accounts.as_of_date,
        accounts.lifecycle,
        accounts.owner_id,
        case when exists (
            select 1 from exclusions
            where exclusions.account_id = inbound.account_id
                and inbound.act_date >= exclusions.valid_from
                and inbound.act_date < exclusions.valid_to
        ) then 'true' else 'false' end as is_excluded,
        case when accounts.is_target and accounts.owner_id is not null then 'true' else 'false' end
            as is_assigned_target,
        case when fit.fits_icp then 'true' else 'false' end as fits_icp
    from inbound
    inner join accounts on inbound.account_id = accounts.account_id
    inner join fit on inbound.account_id = fit.account_id

),

routed as (

    select
        judged.*,
        routes.route,
        routes.expected_functions,
        routes.response_days,
        routes.reason as route_reason,
        row_number() over (
            partition by judged.account_id, judged.act_date order by routes.rule_rank
        ) as rule_order
    from judged
    inner join routes
        on
            {%- for column in ['is_excluded', 'is_assigned_target', 'fits_icp', 'lifecycle'] %}
            {{ 'and ' if not loop.first }}(
                routes.{{ column }} = 'any' or routes.{{ column }} = judged.{{ column }}
            )
            {%- endfor %}

),

-- Touches are known by the day: one of the same day counts as an answer.
answered as (

    select
        routed.account_id,
        routed.act_date,
        min(touches.touch_date) as first_touch_on,
        min_by(
            touches.function_name,
            cast(touches.touch_date as {{ dbt.type_string() }}) || touches.function_name
        ) as first_touch_function,
        min(
            case when {{ is_one_of('touches.function_name', 'routed.expected_functions') }}
                then touches.touch_date end
        ) as first_expected_touch_on
    from routed
    inner join touches
        on routed.account_id = touches.account_id and routed.act_date <= touches.touch_date
    where routed.rule_order = 1
    group by routed.account_id, routed.act_date

),

-- The day of the act says where it goes, the day of the touch whether the touch was allowed: an
-- exclusion may begin or end between the two. No answer is asked for where one began before it was
-- due.
excluded_later as (

    select
        routed.account_id,
        routed.act_date,
        coalesce(max(
            case
                when
                    answered.first_touch_on >= exclusions.valid_from
                    and answered.first_touch_on < exclusions.valid_to
                    then 1
                when
                    answered.first_expected_touch_on >= exclusions.valid_from
                    and answered.first_expected_touch_on < exclusions.valid_to
                    then 1
                else 0
            end
        ), 0) = 1 as is_touch_excluded,
        coalesce(max(
            case
                when
                    exclusions.valid_from <= routed.as_of_date
                    and exclusions.valid_from
                    <= coalesce(
                        {{ add_days('routed.act_date', 'routed.response_days') }},
                        routed.as_of_date
                    )
                    then 1
                else 0
            end
        ), 0) = 1 as is_answer_excluded
    from routed
    inner join exclusions
        on routed.account_id = exclusions.account_id and routed.act_date < exclusions.valid_to
    left join answered
        on routed.account_id = answered.account_id and routed.act_date = answered.act_date
    where routed.rule_order = 1
    group by routed.account_id, routed.act_date

)

select
    routed.account_id,
    routed.act_date,
    routed.as_of_date,
    routed.activity_types,
    cast(routed.acts as bigint) as activities,
    routed.route,
    routed.expected_functions,
    case when routed.route = 'account_owner' then routed.owner_id end as expected_owner_id,
    routed.response_days,
    routed.route_reason,
    answered.first_touch_on,
    answered.first_touch_function,
    cast(
        {{ dbt.datediff('routed.act_date', 'answered.first_touch_on', 'day') }} as integer
    ) as days_to_first_touch,
    answered.first_expected_touch_on,
    case
        when excluded_later.is_touch_excluded then 'touched_though_excluded'
        when routed.route = 'nobody' then 'left_alone'
        when answered.first_touch_on is null and excluded_later.is_answer_excluded
            then 'left_alone'
        when
            answered.first_expected_touch_on
            > {{ add_days('routed.act_date', 'routed.response_days') }}
            then 'answered_late'
        when answered.first_expected_touch_on is not null then 'answered_in_time'
        when answered.first_touch_on is not null then 'answered_by_other'
        when
            routed.as_of_date > {{ add_days('routed.act_date', 'routed.response_days') }}
            then 'unanswered'
        else 'open'
    end as outcome
from routed
left join answered
    on routed.account_id = answered.account_id and routed.act_date = answered.act_date
left join excluded_later
    on routed.account_id = excluded_later.account_id and routed.act_date = excluded_later.act_date
where routed.rule_order = 1
