{#- Whole cents: a sum of them is the same in whatever order. -#}
{%- set money = 'decimal(18, 2)' -%}

with snapshots as (

    select * from {{ ref('account_snapshots') }}
    where is_target and as_of_date <= {{ end_date() }}

),

first_research as (

    select min(valid_from) as began_on from {{ ref('int_research_findings') }}
    where account_id is not null

),

first_conversations as (

    select account_id, min(held_on) as first_held_on
    from {{ ref('int_research_findings') }}
    where account_id is not null
    group by account_id

),

-- What became of the list by the end of each month.
lists as (

    select
        cast({{ dbt.date_trunc('month', 'as_of_date') }} as date) as month_start_date,
        count(*) as target_accounts,
        {%- for decision in ['pursue', 'research', 'hold', 'drop'] %}
        count(case when decision = '{{ decision }}' then 1 end) as {{ decision }}_accounts,
        {%- endfor %}
        count(case when readiness_segment = 'can_decide' then 1 end) as can_decide_accounts,
        count(case when readiness_segment != 'unknown' then 1 end) as known_accounts,
        count(decision) as judged_accounts
    from snapshots
    group by month_start_date

),

spans as (

    select * from {{ ref('int_readiness_spans') }}

),

efforts as (

    select * from {{ ref('int_effort_days') }}
    where account_id is not null

),

-- Effort by what was known of the account on the day.
effort as (

    select
        cast({{ dbt.date_trunc('month', 'efforts.effort_date') }} as date) as month_start_date,
        sum(cast(efforts.touch_cost_usd + efforts.spend_usd as {{ money }})) as effort_usd,
        sum(
            case when spans.readiness_segment = 'can_decide'
                then cast(efforts.touch_cost_usd + efforts.spend_usd as {{ money }}) else 0 end
        ) as can_decide_usd,
        sum(
            case when spans.readiness_segment = 'blocked'
                then cast(efforts.touch_cost_usd + efforts.spend_usd as {{ money }}) else 0 end
        ) as blocked_usd
    from efforts
    left join spans
        on
            efforts.account_id = spans.account_id
            and efforts.effort_date >= spans.valid_from
            and efforts.effort_date < spans.valid_to
    group by month_start_date

),

-- A conclusion: research says that they can decide or what blocks them, or a deal was won or lost.
conclusions as (

    select account_id, valid_from as concluded_on, 'research' as basis
    from spans
    where readiness_segment in ('can_decide', 'blocked')

    union all

    select account_id, stage_changed_date, 'deal'
    from {{ ref('int_opportunity_spans') }}
    where outcome in ('won', 'lost') and not is_renewal
        and valid_from <= {{ end_date() }} and stage_changed_date <= {{ end_date() }}

),

listings as (

    select account_id, min(listed_on) as listed_on
    from {{ ref('int_target_accounts') }}
    where valid_from <= {{ end_date() }}
    group by account_id

),

first_conclusions as (

    select
        conclusions.account_id,
        conclusions.concluded_on,
        conclusions.basis,
        {{ dbt.datediff('listings.listed_on', 'conclusions.concluded_on', 'day') }} as days,
        row_number() over (
            partition by conclusions.account_id
            order by conclusions.concluded_on asc, conclusions.basis desc
        ) as conclusion_order
    from conclusions
    inner join listings on conclusions.account_id = listings.account_id
    where conclusions.concluded_on >= listings.listed_on

),

concluded as (

    select
        cast({{ dbt.date_trunc('month', 'first_conclusions.concluded_on') }} as date)
            as month_start_date,
        first_conclusions.basis,
        first_conclusions.days,
        case when first_conclusions.basis = 'research'
            then {{ dbt.datediff(
                'first_conversations.first_held_on', 'first_conclusions.concluded_on', 'day'
            ) }} end as research_days
    from first_conclusions
    left join first_conversations
        on first_conclusions.account_id = first_conversations.account_id
    where first_conclusions.conclusion_order = 1

),

months as (

    select month_start_date from lists
    union
    select month_start_date from effort
    union
    select month_start_date from concluded

),

-- Each month, and the months before and after research began (the month in which it did is after).
periods as (

    select
        'month' as period_type,
        cast(month_start_date as {{ dbt.type_string() }}) as period,
        month_start_date
    from months
    union all
    select
        'programme',
        case
            when first_research.began_on is null
                or {{ add_days(dbt.dateadd('month', 1, 'months.month_start_date'), 0) }}
                <= first_research.began_on
                then 'before'
            else 'after'
        end,
        months.month_start_date
    from months
    cross join first_research

),

lists_of_periods as (

    select
        periods.period_type,
        periods.period,
        min(periods.month_start_date) as from_month,
        max(periods.month_start_date) as to_month,
        {%- for column in [
            'target_accounts', 'judged_accounts', 'pursue_accounts', 'research_accounts',
            'hold_accounts', 'drop_accounts', 'known_accounts', 'can_decide_accounts'
        ] %}
        arg_max(lists.{{ column }}, lists.month_start_date) as {{ column }},
        {%- endfor %}
        sum(lists.target_accounts) as target_months,
        sum(effort.effort_usd) as effort_usd,
        sum(effort.can_decide_usd) as can_decide_usd,
        sum(effort.blocked_usd) as blocked_usd
    from periods
    left join lists on periods.month_start_date = lists.month_start_date
    left join effort on periods.month_start_date = effort.month_start_date
    group by periods.period_type, periods.period

),

conclusions_of_periods as (

    select
        periods.period_type,
        periods.period,
        count(*) as concluded_accounts,
        count(case when concluded.basis = 'research' then 1 end) as concluded_by_research_accounts,
        -- Those of a month that has not ended have no targets to be held against.
        count(lists.month_start_date) as listed_conclusions,
        median(concluded.days) as median_days_to_conclusion,
        median(concluded.research_days) as median_days_research_to_conclusion
    from periods
    inner join concluded on periods.month_start_date = concluded.month_start_date
    left join lists on periods.month_start_date = lists.month_start_date
    group by periods.period_type, periods.period

)

select
    {{ end_date() }} as as_of_date,
    lists_of_periods.period_type,
    lists_of_periods.period,
    lists_of_periods.from_month,
    lists_of_periods.to_month,
    lists_of_periods.target_accounts,
    lists_of_periods.pursue_accounts,
    lists_of_periods.research_accounts,
    lists_of_periods.hold_accounts,
    lists_of_periods.drop_accounts,
    lists_of_periods.known_accounts,
    lists_of_periods.can_decide_accounts,
    round(
        (lists_of_periods.hold_accounts + lists_of_periods.drop_accounts)
        / nullif(cast(lists_of_periods.judged_accounts as double), 0), 6
    ) as withdrawn_share,
    cast(lists_of_periods.effort_usd as double) as effort_usd,
    round(
        cast(lists_of_periods.can_decide_usd as double)
        / nullif(cast(lists_of_periods.effort_usd as double), 0), 6
    ) as can_decide_effort_share,
    round(
        cast(lists_of_periods.blocked_usd as double)
        / nullif(cast(lists_of_periods.effort_usd as double), 0), 6
    ) as blocked_effort_share,
    coalesce(conclusions_of_periods.concluded_accounts, 0) as concluded_accounts,
    coalesce(conclusions_of_periods.concluded_by_research_accounts, 0)
        as concluded_by_research_accounts,
    round(
        100 * coalesce(conclusions_of_periods.listed_conclusions, 0)
        / nullif(cast(lists_of_periods.target_months as double), 0), 6
    ) as conclusions_per_100_target_months,
    cast(conclusions_of_periods.median_days_to_conclusion as double) as median_days_to_conclusion,
    cast(conclusions_of_periods.median_days_research_to_conclusion as double)
        as median_days_research_to_conclusion
from lists_of_periods
left join conclusions_of_periods
    on
        lists_of_periods.period_type = conclusions_of_periods.period_type
        and lists_of_periods.period = conclusions_of_periods.period
