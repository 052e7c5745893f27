-- Guards: every target has a review with all of its items; a function is missing only where nobody
-- active has it, and each of the five has a rule for any account; each milestone has a colour.
-- Does not guard: whether what the items say is true (unit tests), or whether the rules are wise.
select 'review of ' || accounts.account_id as fault
from {{ ref('accounts') }} as accounts
left join {{ ref('account_reviews') }} as reviews on accounts.account_id = reviews.account_id
where accounts.is_target
group by accounts.account_id
having count(distinct reviews.item) != 13

union all

select 'team of ' || account_id || ', ' || function_name
from {{ ref('account_teams') }}
group by account_id, function_name
having
    max(case when is_missing then 1 else 0 end)
    = max(case when status = 'filled' or not is_needed then 1 else 0 end)
    and count(is_missing) > 0

union all

select 'no rule for any account in team_seats: ' || function_name
from {{ ref('team_seats') }}
group by function_name
having max(case when target_tier = 'any' and lifecycle = 'any' then 1 else 0 end) = 0

union all

select 'functions in team_seats: ' || count(distinct function_name)
from {{ ref('team_seats') }}
having count(distinct function_name) != 5

union all

select 'milestone without a colour: ' || item_id
from {{ ref('success_milestones') }}
where status is null and kind in ('onboarding', 'trial', 'close_plan')
