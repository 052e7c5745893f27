-- Guards: intervals of decisions and of readiness do not overlap; the last decision of the
-- history is the one of the day; a hold has a day to come back that is still to come, and no play
-- before it unless a committed deal is moving; a dropped account does not fit; an account of
-- which nobody spoke has no number.
-- Does not guard: that the reasons in words are right (unit tests do).
with histories as (

    select 'decision' as what, account_id, valid_from, valid_to
    from {{ ref('account_decision_history') }}
    union all
    select 'readiness', account_id, valid_from, valid_to
    from {{ ref('account_readiness_history') }}

),

ordered as (

    select
        *,
        lead(valid_from) over (partition by what, account_id order by valid_from) as next_from
    from histories

)

select 'the history of ' || what || ' overlaps for ' || account_id as fault
from ordered
where coalesce(valid_to, {{ forever() }}) > next_from or valid_to <= valid_from

union all

select 'history and day disagree on the decision for ' || decisions.account_id
from {{ ref('account_decisions') }} as decisions
left join {{ ref('account_decision_history') }} as history
    on decisions.account_id = history.account_id and history.valid_to is null
where history.decision is distinct from decisions.decision

union all

select 'no day to come back for ' || account_id
from {{ ref('account_decisions') }}
where (decision = 'hold') != coalesce(revisit_on > as_of_date, false)

union all

select 'due before the hold ends: ' || plays.account_id
from {{ ref('account_plays') }} as plays
inner join {{ ref('account_decisions') }} as decisions on plays.account_id = decisions.account_id
inner join {{ ref('account_activation') }} as activation on plays.account_id = activation.account_id
where decisions.decision = 'hold' and plays.due_on < decisions.revisit_on
    and not activation.has_committed_motion

union all

select 'dropped although it fits: ' || decisions.account_id
from {{ ref('account_decisions') }} as decisions
inner join {{ ref('account_fit') }} as fit on decisions.account_id = fit.account_id
where decisions.decision = 'drop' and fit.fits_icp

union all

select 'unknown and yet a number: ' || account_id
from {{ ref('account_readiness') }}
where readiness_segment = 'unknown'
    and (decision_capacity is not null or known_dimensions != 0 or is_single_voice)

union all

select 'no evidence and yet a number: ' || account_id || ' ' || dimension
from {{ ref('account_readiness_dimensions') }}
where (evidence_weight = 0) != (mean_share is null)
