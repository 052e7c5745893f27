-- Guards: at the month ends of the run and on its last day, in every segment, activation_gap and
-- activation_gap_drivers, which are summed up from stored changes, count as many accounts as the
-- account days have. So the rows of account_gap_history are the accounts behind these numbers.
-- Does not guard: the other days, which would take as long as the refresh saves by summing up.
with gap as (

    select * from {{ ref('activation_gap') }}
    where as_of_date >= {{ start_date() }}
        and (
            as_of_date = {{ end_date() }}
            or as_of_date = cast({{ dbt.last_day('as_of_date', 'month') }} as date)
        )

),

drivers as (

    select
        as_of_date,
        segment_type,
        segment_value,
        sum(case when driver = 'insufficient_coverage' then attributed_accounts end) as coverage,
        sum(case when driver = 'insufficient_coverage' then primary_accounts end) as coverage_first,
        sum(sole_blocker_accounts) as soles
    from {{ ref('activation_gap_drivers') }}
    group by as_of_date, segment_type, segment_value

),

days as (

    select distinct as_of_date from gap

),

-- Of each day the accounts by its features and states, from which account_gap_history tells changes
-- and the gap is summed up.
listed as (

    select
        account_days.*
    from {{ ref('int_account_gap_days') }} as account_days
    inner join days
        on account_days.as_of_date = days.as_of_date
    where account_days.is_target

),

split as (
    {% for segment, column in [('all', "'all'")] + gap_segments().items() | list %}
    select
        listed.*,
        '{{ segment }}' as segment_type,
        coalesce({{ column }}, 'unknown') as segment_value
    from listed
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

counted as (

    select
        as_of_date,
        segment_type,
        segment_value,
        count(*) as targets,
        sum(case when fits_icp then 1 else 0 end) as icp,
        sum(case when is_fit_assumed then 1 else 0 end) as assumed,
        sum(case when is_activated then 1 else 0 end) as activated,
        sum(case when is_activated and fits_icp then 1 else 0 end) as activated_icp,
        sum(case when not is_activated then 1 else 0 end) as in_gap,
        sum(case when not is_activated and is_touched then 1 else 0 end) as touched,
        sum(case when is_activated and is_held then 1 else 0 end) as held,
        sum(case when not is_activated and may_have_risen then 1 else 0 end) as risen,
        sum(case when fits_icp and not has_signal then 1 else 0 end) as not_in_market,
        sum(case
            when not has_coverage_driver then 0
            when signal_driver is null then 1
            else 0.5
        end) as coverage,
        sum(case when has_coverage_driver and signal_driver is null then 1 else 0 end)
            as coverage_first,
        sum(case when is_sole_blocker then 1 else 0 end) as soles
    from split
    group by as_of_date, segment_type, segment_value

)

select gap.as_of_date, gap.segment_type, gap.segment_value, gap.target_gap, counted.in_gap
from gap
left join drivers
    on
        gap.as_of_date = drivers.as_of_date
        and gap.segment_type = drivers.segment_type
        and gap.segment_value = drivers.segment_value
full outer join counted
    on
        gap.as_of_date = counted.as_of_date
        and gap.segment_type = counted.segment_type
        and gap.segment_value = counted.segment_value
where gap.target_accounts is distinct from counted.targets
    or gap.icp_accounts is distinct from counted.icp
    or gap.icp_assumed_accounts is distinct from counted.assumed
    or gap.activated_accounts is distinct from counted.activated
    or gap.activated_icp_accounts is distinct from counted.activated_icp
    or gap.target_gap is distinct from counted.in_gap
    or gap.touched_gap_accounts is distinct from counted.touched
    or gap.held_accounts is distinct from counted.held
    or gap.target_gap_without_held is distinct from counted.in_gap + counted.held
    or gap.may_have_risen_accounts is distinct from counted.risen
    or gap.target_gap_if_risen is distinct from counted.in_gap - counted.risen
    or round(gap.not_in_market_share * gap.icp_accounts) != counted.not_in_market
    or drivers.coverage is distinct from counted.coverage
    or drivers.coverage_first is distinct from counted.coverage_first
    or drivers.soles is distinct from counted.soles
