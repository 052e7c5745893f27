{#- Whole cents and ten-thousandths: a sum of them is the same in whatever order. -#}
{%- set money = 'decimal(18, 4)' -%}
{%- set functions = ['marketing', 'sales_development', 'sales', 'customer_success'] -%}
{%- set counts = [
    'leads', 'meetings', 'events', 'touches', 'broad_touches', 'impressions', 'deals_created',
    'deals_won', 'won_without_amount'
] -%}
{%- set amounts = ['won_amount_usd', 'spend_usd', 'touch_cost_usd', 'effort_usd'] -%}
{%- set shared = [
    'accounts', 'leads', 'meetings', 'touches', 'impressions', 'spend_usd', 'effort_usd',
    'deals_won', 'won_amount_usd', 'customers', 'customer_arr_usd'
] -%}

with all_activity as (

    select * from {{ ref('programme_activity') }}

),

first_effort as (

    select min(month_start_date) as month_start_date
    from all_activity
    where touches > 0 or broad_touches > 0 or meetings > 0 or events > 0 or spend_usd > 0

),

-- Deals and leads are on record for longer than what was done for them: from the first month of
-- that on one can be held against the other.
activity as (

    select all_activity.*
    from all_activity
    inner join first_effort on all_activity.month_start_date >= first_effort.month_start_date

),

contracts as (

    select * from {{ ref('int_contract_spans') }}
    where valid_from <= {{ end_date() }}

),

programme_start as (

    select coalesce(min(programme_start_date), min(listed_on)) as started_on
    from {{ ref('int_target_accounts') }}
    where {{ on_last_day() }}

),

account_months as (

    select
        account_id,
        month_start_date,
        is_target,
        is_listed_today,
        fits_icp,
        state,
        lifecycle,
        {%- for count in counts %}
        sum({{ count }}) as {{ count }},
        {%- endfor %}
        {%- for function in functions %}
        sum(
            case when function_name = '{{ function }}'
                then cast(effort_usd as {{ money }}) else 0 end
        ) as {{ function }}_effort_usd,
        {%- endfor %}
        {%- for amount in amounts %}
        sum(cast({{ amount }} as {{ money }})) as {{ amount }}{{ ',' if not loop.last }}
        {%- endfor %}
    from activity
    group by
        account_id, month_start_date, is_target, is_listed_today, fits_icp, state, lifecycle

),

months as (

    select
        month_start_date,
        least(
            {{ add_days(dbt.dateadd('month', 1, 'month_start_date'), -1) }}, {{ end_date() }}
        ) as month_end_date
    from (select distinct month_start_date from account_months) as distinct_months

),

revenues as (

    select
        contracts.account_id,
        months.month_start_date,
        sum(cast(contracts.arr_usd as {{ money }})) as customer_arr_usd
    from contracts
    inner join months
        on
            contracts.valid_from <= months.month_end_date
            and contracts.valid_to > months.month_end_date
            and contracts.starts_on <= months.month_end_date
            and contracts.ends_on >= months.month_end_date
    group by contracts.account_id, months.month_start_date

),

-- Each month, and those before and since the programme began (the month in which it did is since).
periods as (

    select
        'month' as period_type,
        cast(month_start_date as {{ dbt.type_string() }}) as period,
        month_start_date,
        month_end_date,
        month_start_date as last_month
    from months

    union all

    select
        'programme',
        period,
        month_start_date,
        month_end_date,
        max(month_start_date) over (partition by period)
    from (
        select
            months.*,
            case when months.month_end_date < programme_start.started_on then 'before' else 'since'
            end as period
        from months
        cross join programme_start
        where programme_start.started_on is not null
    ) as placed

),

-- Feeds of what is counted here that were silent in a period.
feeds as (

    select
        touch_days.feed,
        max(
            case when touch_days.direction = 'outbound' and not activity_types.is_addressed
                and not activity_types.reaches_person then 1 else 0 end
        ) = 1 as brings_impressions
    from {{ ref('int_touch_days') }} as touch_days
    inner join {{ ref('activity_types') }} as activity_types
        on touch_days.activity_type = activity_types.activity_type
    group by touch_days.feed

),

gaps as (

    select
        feed_gaps.feed,
        feed_gaps.valid_from,
        feed_gaps.valid_to,
        coalesce(feeds.brings_impressions, false) as brings_impressions
    from {{ ref('int_feed_gaps') }} as feed_gaps
    left join feeds on feed_gaps.feed = feeds.feed
    where feed_gaps.valid_from <= {{ end_date() }}
        and (feeds.feed is not null or feed_gaps.source = 'spend')

),

silences as (

    select
        period_type,
        period,
        string_agg(
            feed || ' from ' || cast(silent_from as {{ dbt.type_string() }}), ', '
            order by feed
        ) as silent_feeds,
        max(case when brings_impressions then 1 else 0 end) = 1 as is_silent_on_impressions
    from (
        select
            periods.period_type, periods.period, gaps.feed, gaps.brings_impressions,
            min(gaps.valid_from) as silent_from
        from periods
        inner join gaps
            on
                gaps.valid_from <= periods.month_end_date
                and gaps.valid_to > periods.month_start_date
        group by periods.period_type, periods.period, gaps.feed, gaps.brings_impressions
    ) as silent
    group by period_type, period

),

grouped as (

    {% for group_type, group_value in [
        ('all', "'all'"),
        ('target', "case when account_id is null then 'no_account' when is_target then 'target'"
            ~ " when not is_target then 'not_target' else 'unknown' end"),
        ('listed_today', "case when account_id is null then 'no_account' when is_listed_today then"
            ~ " 'listed' when not is_listed_today then 'not_listed' else 'unknown' end"),
        ('fit', "case when account_id is null then 'no_account' when fits_icp then 'fits'"
            ~ " when not fits_icp then 'does_not_fit' else 'unknown' end"),
    ] %}
    select
        *,
        '{{ group_type }}' as group_type,
        {{ group_value }} as group_value
    from account_months
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- What nobody ever delivered is not known to be none.
delivered as (

    select
        sum(leads) > 0 as has_leads,
        sum(meetings) > 0 as has_meetings,
        sum(touches) > 0 as has_touches,
        sum(impressions) > 0 as has_impressions,
        sum(spend_usd) > 0 as has_spend,
        sum(deals_created) > 0 as has_deals,
        (select count(*) from contracts) > 0 as has_contracts
    from account_months

),

summed as (

    select
        periods.period_type,
        periods.period,
        grouped.group_type,
        grouped.group_value,
        min(periods.month_start_date) as from_month,
        max(periods.last_month) as to_month,
        count(
            case when periods.month_start_date = periods.last_month and grouped.state is not null
                then grouped.account_id end
        ) as accounts,
        count(
            case when periods.month_start_date = periods.last_month
                and grouped.lifecycle = 'customer' then grouped.account_id end
        ) as customers,
        count(distinct case when grouped.state = 'engaged' then grouped.account_id end)
            as engaged_accounts,
        sum(
            case when periods.month_start_date = periods.last_month
                then coalesce(revenues.customer_arr_usd, 0) else 0 end
        ) as customer_arr_usd,
        {%- for column in counts + amounts %}
        sum(grouped.{{ column }}) as {{ column }},
        {%- endfor %}
        {%- for function in functions %}
        sum(grouped.{{ function }}_effort_usd) as {{ function }}_effort_usd
        {{- ',' if not loop.last }}
        {%- endfor %}
    from grouped
    inner join periods on grouped.month_start_date = periods.month_start_date
    left join revenues
        on
            grouped.account_id = revenues.account_id
            and grouped.month_start_date = revenues.month_start_date
    group by periods.period_type, periods.period, grouped.group_type, grouped.group_value

),

known as (

    select
        summed.period_type,
        summed.period,
        summed.group_type,
        summed.group_value,
        summed.from_month,
        summed.to_month,
        -- Of months before the first one stored nothing is known of accounts.
        {%- for column in ['accounts', 'customers', 'engaged_accounts'] %}
        case
            when sum(summed.accounts) over (
                partition by summed.period_type, summed.period, summed.group_type
            ) > 0
                then summed.{{ column }}
        end as {{ column }},
        {%- endfor %}
        case when delivered.has_contracts then summed.customer_arr_usd end as customer_arr_usd,
        case when delivered.has_leads then summed.leads end as leads,
        case when delivered.has_meetings then summed.meetings end as meetings,
        summed.events,
        case when delivered.has_touches then summed.touches end as touches,
        summed.broad_touches,
        case
            when not delivered.has_impressions then null
            when
                silences.is_silent_on_impressions
                and sum(summed.impressions) over (
                    partition by summed.period_type, summed.period, summed.group_type
                ) = 0
                then null
            else summed.impressions
        end as impressions,
        case when delivered.has_deals then summed.deals_created end as deals_created,
        case when delivered.has_deals then summed.deals_won end as deals_won,
        case when delivered.has_deals then summed.won_without_amount end as won_without_amount,
        case when delivered.has_deals then summed.won_amount_usd end as won_amount_usd,
        case when delivered.has_spend then summed.spend_usd end as spend_usd,
        summed.touch_cost_usd,
        summed.effort_usd,
        {%- for function in functions %}
        summed.{{ function }}_effort_usd,
        {%- endfor %}
        silences.silent_feeds
    from summed
    cross join delivered
    left join silences
        on summed.period_type = silences.period_type and summed.period = silences.period

)

select
    {{ end_date() }} as as_of_date,
    known.period_type,
    known.period,
    known.from_month,
    known.to_month,
    known.group_type,
    known.group_value,
    {%- for column in ['accounts', 'engaged_accounts', 'customers'] + counts %}
    cast(known.{{ column }} as bigint) as {{ column }},
    {%- endfor %}
    {%- for column in ['customer_arr_usd'] + amounts %}
    cast(known.{{ column }} as double) as {{ column }},
    {%- endfor %}
    {%- for function in functions %}
    cast(known.{{ function }}_effort_usd as double) as {{ function }}_effort_usd,
    {%- endfor %}
    {%- for column in shared %}
    round(
        cast(known.{{ column }} as double)
        / nullif(cast(sum(known.{{ column }}) over of_period as double), 0), 6
    ) as {{ column | replace('_usd', '') }}_share,
    {%- endfor %}
    -- What was spent on no account was not spent on the few meetings whose account is not known.
    {%- for name, column in [
        ('engaged_account', 'engaged_accounts'), ('meeting', 'meetings'),
        ('deal_created', 'deals_created'), ('deal_won', 'deals_won')
    ] %}
    case when known.group_value != 'no_account'
        then round(cast(known.effort_usd as double) / nullif(known.{{ column }}, 0), 2)
    end as cost_per_{{ name }}_usd,
    {%- endfor %}
    known.silent_feeds
from known
window of_period as (partition by known.period_type, known.period, known.group_type)
