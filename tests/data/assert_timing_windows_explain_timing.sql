-- Guards: an account is outside its window on the latest day exactly if its deciding windows say
-- so: one that is closed holds, or open ones are known and none holds. Also that an account
-- outside its window is told when it opens only for days to come.
-- Does not guard: the days before the latest; that a window's dates are right.
with windows as (

    select
        account_id,
        max(decides_timing and effect = 'closed' and is_current)
        or (
            max(decides_timing and effect = 'open')
            and not max(decides_timing and effect = 'open' and is_current)
        ) as is_outside_by_windows
    from {{ ref('account_timing_windows') }}
    group by account_id

)

select
    timing.account_id,
    timing.is_outside_window,
    windows.is_outside_by_windows,
    timing.next_window_opens_on
from {{ ref('account_timing') }} as timing
left join windows on timing.account_id = windows.account_id
where timing.is_outside_window != coalesce(windows.is_outside_by_windows, false)
    or timing.next_window_opens_on <= timing.as_of_date
