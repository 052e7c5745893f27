{#- Whole cents: a sum of them is the same in whatever order. -#}
{%- set money = 'decimal(18, 2)' -%}

with decisions as (

    select * from {{ ref('account_decisions') }}

),

effort as (

    select * from {{ ref('account_effort') }}

),

unallocated as (

    select sum(cast(spend_usd as {{ money }})) as spend_usd
    from {{ ref('int_effort_days') }}
    where account_id is null
        and effort_date > {{ add_days(end_date(), -var('touched_days')) }}

),

grouped as (

    {% for group_type, group_value in [
        ('all', "'all'"),
        ('decision', 'decision'),
        ('readiness_segment', 'readiness_segment'),
        ('stalled', "case when is_stalled then 'stalled' when not is_stalled then 'not_stalled'"
            ~ " else 'unknown' end"),
        ('movement', "case when is_movement_possible then 'possible' else 'not_possible' end"),
    ] %}
    select
        account_id,
        '{{ group_type }}' as group_type,
        {{ group_value }} as group_value
    from decisions
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

summed as (

    select
        grouped.group_type,
        grouped.group_value,
        count(*) as accounts,
        count(case when effort.is_touched then 1 end) as touched_accounts,
        count(case when decisions.is_under_served then 1 end) as under_served_accounts,
        cast(sum(effort.touches) as bigint) as touches,
        sum(cast(effort.touch_cost_usd as {{ money }})) as touch_cost_usd,
        sum(cast(effort.spend_usd as {{ money }})) as spend_usd,
        sum(cast(effort.effort_usd as {{ money }})) as effort_usd,
        sum(
            case when decisions.is_movement_possible then 0
                else cast(effort.effort_usd as {{ money }}) end
        ) as freed_usd,
        cast(sum(decisions.open_deals) as bigint) as open_deals,
        sum(cast(decisions.open_pipeline_usd as {{ money }})) as open_pipeline_usd,
        sum(cast(effort.effort_since_listed_usd as {{ money }})) as effort_since_listed_usd
    from grouped
    inner join decisions on grouped.account_id = decisions.account_id
    inner join effort on grouped.account_id = effort.account_id
    group by grouped.group_type, grouped.group_value

    union all

    select
        'unallocated', 'spend on no account', 0, 0, 0, 0, 0, spend_usd, spend_usd, 0, 0, 0, null
    from unallocated
    where spend_usd > 0

)

select
    {{ end_date() }} as as_of_date,
    group_type,
    group_value,
    accounts,
    touched_accounts,
    under_served_accounts,
    touches,
    cast(touch_cost_usd as double) as touch_cost_usd,
    cast(spend_usd as double) as spend_usd,
    cast(effort_usd as double) as effort_usd,
    case when group_type != 'unallocated'
        then round(
            cast(effort_usd as double)
            / nullif(cast(sum(effort_usd) over (partition by group_type) as double), 0), 6
        ) end as effort_share,
    cast(freed_usd as double) as freed_usd,
    open_deals,
    cast(open_pipeline_usd as double) as open_pipeline_usd,
    case when group_type != 'unallocated'
        then round(
            cast(open_pipeline_usd as double)
            / nullif(cast(sum(open_pipeline_usd) over (partition by group_type) as double), 0), 6
        ) end as pipeline_share,
    cast(effort_since_listed_usd as double) as effort_since_listed_usd
from summed
