{#- By segment_type what deals are split by beside `all`: their account as known when they were
    created, and who owns them. -#}
{%- set segments = {
    'state': 'created_state', 'decision': 'created_decision',
    'readiness_segment': 'created_readiness_segment', 'deal_owner': 'deal_owner_id'
} -%}
{%- for segment, column in gap_segments().items() -%}
    {%- do segments.update({segment: 'created_' ~ column}) -%}
{%- endfor -%}
{%- set counts = [
    'created_deals', 'created_without_amount', 'won_deals', 'won_without_amount', 'lost_deals',
    'reopened_deals', 'passed_deals', 'failed_deals', 'open_deals', 'open_without_amount',
    'slipped_deals', 'overdue_deals', 'cycle_days', 'valued_deals'
] -%}
{%- set amounts = [
    'created_usd', 'won_usd', 'lost_usd', 'open_usd', 'won_annual_usd'
] -%}

with history as (

    select
        *,
        coalesce(valid_to, {{ forever() }}) as ends_on
    from {{ ref('pipeline_history') }}

),

first_listing as (

    select min(valid_from) as listed_from from {{ ref('int_target_accounts') }}

),

-- Stages that deals have been in, and since when.
used_stages as (

    select stage_rank, stage_name, min(valid_from) as used_from
    from history
    where outcome = 'open'
    group by stage_rank, stage_name

),

range_of_days as (

    select
        greatest(
            min(valid_from),
            cast({{ dbt.date_trunc(
                'month', dbt.dateadd('month', 1 - var('pipeline_months'), end_date())
            ) }} as date)
        ) as valid_from,
        {{ add_days(end_date(), 1) }} as valid_to
    from history
    having count(*) > 0

),

days as (

    {{ each_day('range_of_days') }}

),

months as (

    select
        cast({{ dbt.date_trunc('month', 'as_of_date') }} as date) as month_start_date,
        {{ add_days("cast(" ~ dbt.date_trunc('month', 'as_of_date') ~ " as date)", -1) }}
            as opening_date,
        max(as_of_date) as as_of_date,
        max(as_of_date) = cast({{ dbt.last_day('max(as_of_date)', 'month') }} as date)
            as is_complete
    from days
    group by cast({{ dbt.date_trunc('month', 'as_of_date') }} as date)

),

-- A stage of the seed that no deal has been in yet is none. Stages that nobody has mapped have no
-- place in the order.
month_stages as (

    select
        months.month_start_date,
        used_stages.stage_rank,
        coalesce(cast(used_stages.stage_rank as {{ dbt.type_string() }}), 'unmapped') as stage,
        case when used_stages.stage_rank is not null
            then string_agg(used_stages.stage_name, ', ' order by used_stages.stage_name) end
            as stage_names
    from months
    inner join used_stages on months.as_of_date >= used_stages.used_from
    group by months.month_start_date, used_stages.stage_rank

),

-- Each deal at the end of a month: those that are open, and those that ended in it.
closing as (

    select
        months.month_start_date,
        months.opening_date,
        months.as_of_date,
        history.*
    from months
    inner join history
        on
            months.as_of_date >= history.valid_from
            and months.as_of_date < history.ends_on
    where history.outcome = 'open' or history.outcome_since >= months.month_start_date

),

-- Beside what it was at the end of the month before.
deal_months as (

    select
        closing.*,
        case when closing.is_target then 'targets' else 'rest' end as account_group,
        opening.crm_opportunity_id is null
        and closing.first_known_on >= closing.month_start_date as is_created,
        (closing.outcome = 'won' and opening.outcome is distinct from 'won') as is_won,
        (closing.outcome = 'lost' and opening.outcome is distinct from 'lost') as is_lost,
        closing.outcome = 'open' and coalesce(opening.outcome, 'open') != 'open' as is_reopened,
        closing.outcome = 'open'
        and closing.times_postponed > coalesce(opening.times_postponed, 0) as is_slipped,
        coalesce(opening.highest_stage_rank, closing.first_stage_rank) as opening_rank
    from closing
    left join history as opening
        on
            closing.crm_opportunity_id = opening.crm_opportunity_id
            and closing.opening_date >= opening.valid_from
            and closing.opening_date < opening.ends_on

),

-- A deal counts once a stage, up to its first end: opened again it counts for no stage any more.
-- Stages that it skipped on the way are passed.
stage_steps as (

    select
        deal_months.*,
        month_stages.stage,
        month_stages.stage_rank is not null as is_ranked,
        deal_months.times_reopened = 0
        and month_stages.stage_rank >= deal_months.opening_rank
        and (deal_months.is_won or month_stages.stage_rank < deal_months.highest_stage_rank)
            as is_passed,
        deal_months.times_reopened = 0 and deal_months.is_lost
        and month_stages.stage_rank = deal_months.highest_stage_rank as is_failed,
        (
            deal_months.outcome = 'open'
            and month_stages.stage_rank is not distinct from deal_months.stage_rank
        ) as is_here
    from deal_months
    inner join month_stages on deal_months.month_start_date = month_stages.month_start_date

),

counted as (

    select
        month_start_date,
        'all' as stage,
        is_renewal,
        account_group,
        {%- for column in segments.values() %}
        coalesce({{ column }}, 'unknown') as {{ column }},
        {%- endfor %}
        case when is_created then 1 else 0 end as created_deals,
        case when is_created and amount_usd is null then 1 else 0 end as created_without_amount,
        case when is_won then 1 else 0 end as won_deals,
        case when is_won and amount_usd is null then 1 else 0 end as won_without_amount,
        case when is_lost then 1 else 0 end as lost_deals,
        case when is_reopened then 1 else 0 end as reopened_deals,
        null as passed_deals,
        null as failed_deals,
        case when outcome = 'open' then 1 else 0 end as open_deals,
        case when outcome = 'open' and amount_usd is null then 1 else 0 end as open_without_amount,
        case when is_slipped then 1 else 0 end as slipped_deals,
        case when outcome = 'open' and close_date < as_of_date then 1 else 0 end as overdue_deals,
        case when is_won then {{ dbt.datediff('created_on', 'closed_on', 'day') }} end
            as cycle_days,
        case when is_won and annual_amount_usd is not null then 1 else 0 end as valued_deals,
        case when is_created then amount_usd end as created_usd,
        case when is_won then amount_usd end as won_usd,
        case when is_lost then amount_usd end as lost_usd,
        case when outcome = 'open' then amount_usd end as open_usd,
        case when is_won then annual_amount_usd end as won_annual_usd
    from deal_months

    union all

    select
        month_start_date,
        stage,
        is_renewal,
        account_group,
        {%- for column in segments.values() %}
        coalesce({{ column }}, 'unknown'),
        {%- endfor %}
        null,
        null,
        null,
        null,
        null,
        null,
        case when is_passed then 1 when is_ranked then 0 end,
        case when is_failed then 1 when is_ranked then 0 end,
        case when is_here then 1 else 0 end,
        case when is_here and amount_usd is null then 1 else 0 end,
        case when is_here and is_slipped then 1 else 0 end,
        case when is_here and close_date < as_of_date then 1 else 0 end,
        null,
        null,
        null,
        null,
        null,
        case when is_here then amount_usd end,
        null
    from stage_steps
    where is_passed or is_failed or is_here

),

summed as (

    select
        month_start_date,
        stage,
        is_renewal,
        {{ segment_of_row(segments, "case when is_renewal then 'renewal' else 'all' end") }},
        coalesce(account_group, 'all') as account_group,
        {%- for count in counts %}
        cast(sum({{ count }}) as bigint) as {{ count }},
        {%- endfor %}
        {%- for amount in amounts %}
        -- Cents are summed as whole numbers: sums of floats depend on their order.
        cast(sum(cast(round({{ amount }} * 100) as bigint)) as double) / 100 as {{ amount }},
        {%- endfor %}
        median(cycle_days) as median_cycle_days
    from counted
    group by grouping sets (
        (month_start_date, stage, is_renewal),
        (month_start_date, stage, is_renewal, account_group)
        {%- for column in segments.values() %},
        (month_start_date, stage, is_renewal, {{ column }}),
        (month_start_date, stage, is_renewal, account_group, {{ column }})
        {%- endfor %}
    )

),

-- Win rate, value and cycle of the last months together: of one month one deal moves them.
recent as (

    select
        *,
        {%- for count in ['won_deals', 'lost_deals', 'cycle_days', 'valued_deals'] %}
        cast(sum({{ count }}) over last_months as bigint) as recent_{{ count }},
        {%- endfor %}
        sum(won_annual_usd) over last_months as recent_won_annual_usd
    from (
        select
            *,
            {{ dbt.datediff("cast('1970-01-01' as date)", 'month_start_date', 'month') }}
                as month_number
        from summed
        where not is_renewal or segment_type = 'renewal'
    ) as numbered
    window last_months as (
        partition by stage, segment_type, segment_value, account_group order by month_number
        range between {{ var('velocity_months') - 1 }} preceding and current row
    )

)

select
    recent.month_start_date,
    months.as_of_date,
    months.is_complete,
    recent.segment_type,
    recent.segment_value,
    recent.account_group,
    coalesce(months.as_of_date >= first_listing.listed_from, false) as has_target_list,
    recent.stage,
    month_stages.stage_names,
    recent.created_deals,
    -- No deals are worth nothing; deals of which none has an amount nobody knows what.
    case when recent.created_deals = 0 then 0 else recent.created_usd end as created_usd,
    recent.created_without_amount,
    recent.won_deals,
    case when recent.won_deals = 0 then 0 else recent.won_usd end as won_usd,
    recent.won_without_amount,
    recent.lost_deals,
    case when recent.lost_deals = 0 then 0 else recent.lost_usd end as lost_usd,
    recent.reopened_deals,
    cast(recent.won_deals as double) / nullif(recent.won_deals + recent.lost_deals, 0) as win_share,
    cast(recent.cycle_days as double) / nullif(recent.won_deals, 0) as mean_cycle_days,
    recent.median_cycle_days,
    round(recent.won_annual_usd / nullif(recent.valued_deals, 0), 2) as mean_contract_value_usd,
    recent.open_deals,
    case when recent.open_deals = 0 then 0 else recent.open_usd end as open_usd,
    recent.open_without_amount,
    recent.slipped_deals,
    recent.overdue_deals,
    recent.passed_deals,
    recent.failed_deals,
    cast(recent.passed_deals as double) / nullif(recent.passed_deals + recent.failed_deals, 0)
        as conversion_share,
    recent.recent_won_deals,
    recent.recent_lost_deals,
    case
        when recent.recent_won_deals + recent.recent_lost_deals >= {{ var('deal_value_min_deals') }}
            then round(
                recent.open_deals
                * (
                    cast(recent.recent_won_deals as double)
                    / (recent.recent_won_deals + recent.recent_lost_deals)
                )
                * (recent.recent_won_annual_usd / nullif(recent.recent_valued_deals, 0))
                / nullif(
                    cast(recent.recent_cycle_days as double) / nullif(recent.recent_won_deals, 0), 0
                ),
                2
            )
    end as velocity_usd_a_day
from recent
inner join months on recent.month_start_date = months.month_start_date
cross join first_listing
left join month_stages
    on recent.month_start_date = month_stages.month_start_date and recent.stage = month_stages.stage
