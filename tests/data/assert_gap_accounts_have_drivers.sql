-- Guards: every target of the latest day that is not activated has one or two drivers, whose shares
-- sum to 1, one of them primary and the same that account_activation names; nobody else has any.
-- Does not guard: the days before, which live on in activation_gap_drivers only.
with drivers as (

    select
        account_id,
        count(*) as drivers,
        sum(share) as shares,
        sum(case when is_primary then 1 else 0 end) as primaries,
        max(case when is_primary then driver end) as primary_driver,
        max(case when is_sole_blocker then 1 else 0 end) as is_sole_blocker
    from {{ ref('account_gap_drivers') }}
    group by account_id

),

accounts as (

    select
        accounts.account_id,
        accounts.is_target and not state_rules.is_activated as is_gap,
        activation.primary_driver
    from {{ ref('accounts') }} as accounts
    left join {{ ref('account_activation') }} as activation
        on accounts.account_id = activation.account_id
    left join {{ ref('activation_states') }} as state_rules
        on activation.state = state_rules.state

)

select accounts.account_id, accounts.is_gap, drivers.drivers, drivers.shares
from accounts
full outer join drivers on accounts.account_id = drivers.account_id
where accounts.is_gap is null
    or accounts.is_gap != (drivers.account_id is not null)
    or accounts.primary_driver is distinct from drivers.primary_driver
    or drivers.drivers > 2
    or drivers.shares != 1
    or drivers.primaries != 1
    or (drivers.is_sole_blocker = 1 and drivers.drivers != 1)
