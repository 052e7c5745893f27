-- Guards: what explains a score adds up to it, to 1e-6: fit criteria to fit_score, and signal
-- contributions to the account's intent and engagement points.
-- Does not guard: that a single contribution is right.
with fit as (

    select account_id, sum(points) as points
    from {{ ref('account_fit_contributions') }}
    group by account_id

),

signals as (

    select
        account_id,
        sum(case when signal_type = 'intent' then points else 0 end) as intent_points,
        sum(case when signal_type = 'intent' then 0 else points end) as engagement_points
    from {{ ref('account_signal_contributions') }}
    group by account_id

)

select account_fit.account_id, 'fit' as score, account_fit.fit_score as score_value, fit.points
from {{ ref('account_fit') }} as account_fit
left join fit on account_fit.account_id = fit.account_id
where account_fit.fit_score is not null
    and not coalesce(abs(account_fit.fit_score - fit.points) <= 1e-6, false)

union all

select
    account_signals.account_id, 'signals',
    account_signals.intent_points + account_signals.engagement_points,
    signals.intent_points + signals.engagement_points
from {{ ref('account_signals') }} as account_signals
full outer join signals on account_signals.account_id = signals.account_id
where abs(coalesce(account_signals.intent_points, -1) - coalesce(signals.intent_points, 0)) > 1e-6
    or abs(coalesce(account_signals.engagement_points, -1) - coalesce(signals.engagement_points, 0))
    > 1e-6
