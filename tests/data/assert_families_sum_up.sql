-- Guards: what account_hierarchy says of a family is the sum over its accounts (points to 1e-6);
-- the path of an account is its parent's and itself, its depth one more than its parent's; only the
-- top is its own ultimate parent; and the descendants of all add up to the depths of all.
-- Does not guard: that a parent is the right one (unit tests of models/intermediate/hierarchy).
with accounts as (

    select hierarchy.*, accounts.is_target
    from {{ ref('account_hierarchy') }} as hierarchy
    inner join {{ ref('accounts') }} as accounts on hierarchy.account_id = accounts.account_id

),

sums as (

    select
        ultimate_parent_id,
        count(*) as accounts,
        sum(case when is_target then 1 else 0 end) as targets,
        sum(case when is_activated then 1 else 0 end) as activated,
        sum(signal_points) as points,
        sum(engaged_people) as people,
        sum(open_deals) as open_deals,
        sum(committed_deals) as committed_deals,
        sum(open_pipeline_usd) as pipeline
    from accounts
    group by ultimate_parent_id

),

totals as (

    select sum(descendant_accounts) as descendants, sum(hierarchy_depth) as steps from accounts

)

select accounts.account_id
from accounts
inner join sums on accounts.ultimate_parent_id = sums.ultimate_parent_id
left join accounts as parents on accounts.parent_account_id = parents.account_id
cross join totals
where accounts.family_accounts != sums.accounts
    or accounts.family_target_accounts != sums.targets
    or accounts.family_activated_accounts != sums.activated
    or abs(accounts.family_signal_points - sums.points) > 1e-6
    or accounts.family_engaged_people != sums.people
    or accounts.family_open_deals != sums.open_deals
    or accounts.family_committed_deals != sums.committed_deals
    or abs(accounts.family_open_pipeline_usd - sums.pipeline) > 1e-2
    or (accounts.hierarchy_depth = 0) != (accounts.account_id = accounts.ultimate_parent_id)
    or (accounts.hierarchy_depth = 0) != (accounts.parent_account_id is null)
    or accounts.hierarchy_depth != coalesce(parents.hierarchy_depth + 1, 0)
    or accounts.hierarchy_path != case
        when accounts.parent_account_id is null then accounts.account_id
        else parents.hierarchy_path || ' > ' || accounts.account_id
    end
    or totals.descendants != totals.steps
