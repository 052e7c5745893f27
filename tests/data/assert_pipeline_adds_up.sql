-- Guards: no deal of the last day is lost between the CRM and the pipeline; the intervals of a deal
-- do not overlap; what was open at a month's end is what the history has of that day; targets and
-- the rest are all.
-- Does not guard: what stages, amounts and dates are (tests/python/test_pipeline.py has them by
-- hand).
with history as (

    select
        *,
        coalesce(valid_to, {{ forever() }}) as ends_on,
        lead(valid_from) over (partition by crm_opportunity_id order by valid_from) as next_from
    from {{ ref('pipeline_history') }}

),

deals as (

    select spans.crm_opportunity_id
    from {{ ref('int_deal_spans') }} as spans
    left join {{ ref('accounts') }} as accounts on spans.account_id = accounts.account_id
    where {{ on_last_day('spans.') }}
        and (spans.account_id is null or accounts.account_id is not null)

),

pipeline as (

    select * from {{ ref('pipeline') }}

),

months as (

    select * from {{ ref('pipeline_months') }}
    where segment_type in ('all', 'renewal') and stage = 'all'

),

whole as (

    select * from months
    where account_group = 'all'

),

parts as (

    select
        month_start_date,
        segment_type,
        sum(open_deals) as open_deals,
        sum(created_deals) as created_deals,
        sum(won_deals) as won_deals
    from months
    where account_group != 'all'
    group by month_start_date, segment_type

),

open_then as (

    select
        whole.month_start_date,
        whole.segment_type,
        whole.open_deals as told_deals,
        count(history.crm_opportunity_id) as open_deals
    from whole
    left join history
        on
            whole.as_of_date >= history.valid_from
            and whole.as_of_date < history.ends_on
            and history.outcome = 'open'
            and history.is_renewal = (whole.segment_type = 'renewal')
    group by whole.month_start_date, whole.segment_type, whole.open_deals

)

select 'not in pipeline: ' || deals.crm_opportunity_id as fault
from deals
left join pipeline on deals.crm_opportunity_id = pipeline.crm_opportunity_id
where pipeline.crm_opportunity_id is null

union all

select 'in pipeline and no deal of the last day: ' || pipeline.crm_opportunity_id
from pipeline
left join deals on pipeline.crm_opportunity_id = deals.crm_opportunity_id
where deals.crm_opportunity_id is null

union all

select 'intervals overlap: ' || crm_opportunity_id
from history
where next_from < ends_on

union all

select 'targets and the rest are not all in ' || cast(whole.month_start_date as varchar)
from whole
inner join parts
    on
        whole.month_start_date = parts.month_start_date
        and whole.segment_type = parts.segment_type
where whole.open_deals != parts.open_deals
    or whole.created_deals != parts.created_deals
    or whole.won_deals != parts.won_deals

union all

select 'another number is open at the end of ' || cast(month_start_date as varchar)
from open_then
where told_deals != open_deals
