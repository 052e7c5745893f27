-- Guards: the groups of effort_allocation split the same accounts, effort and pipeline, which
-- are the sums over accounts; what would be freed is the effort of where nothing can move; the
-- segments of research_scope split the targets.
-- Does not guard: that touches cost what the seed says.
with totals as (

    select
        group_type,
        sum(accounts) as accounts,
        sum(touches) as touches,
        sum(cast(effort_usd as decimal(18, 2))) as effort_usd,
        sum(cast(freed_usd as decimal(18, 2))) as freed_usd,
        sum(cast(open_pipeline_usd as decimal(18, 2))) as open_pipeline_usd
    from {{ ref('effort_allocation') }}
    where group_type != 'unallocated'
    group by group_type

),

accounts as (

    select
        count(*) as accounts,
        sum(effort.touches) as touches,
        sum(cast(effort.effort_usd as decimal(18, 2))) as effort_usd,
        sum(
            case when decisions.is_movement_possible then 0
                else cast(effort.effort_usd as decimal(18, 2)) end
        ) as freed_usd,
        sum(cast(decisions.open_pipeline_usd as decimal(18, 2))) as open_pipeline_usd
    from {{ ref('account_decisions') }} as decisions
    inner join {{ ref('account_effort') }} as effort on decisions.account_id = effort.account_id

)

select 'the groups of ' || totals.group_type || ' do not sum to the accounts' as fault
from totals
cross join accounts
where totals.accounts != accounts.accounts
    or totals.touches != accounts.touches
    or totals.effort_usd != accounts.effort_usd
    or totals.freed_usd != accounts.freed_usd
    or totals.open_pipeline_usd != accounts.open_pipeline_usd

union all

select 'the segments of readiness do not sum in ' || segment_type || ' ' || segment_value
from {{ ref('research_scope') }}
where target_accounts != can_decide_accounts + blocked_accounts + contested_accounts
    + partial_accounts + unknown_accounts
    or known_accounts > asked_accounts
