-- Guards, on every account and day of the run: shares within 0-1, reached and engaged coverage not
-- above coverage on file (to 1e-6), null with a reason and only then, strength within 0-100, tiers
-- and levels among their values, no day outside the run.
-- Does not guard: look-ahead within a day's inputs (tests/python, the three laws).
select account_id, as_of_date
from {{ ref('feat_account_days') }}
where as_of_date > {{ end_date() }}
    or as_of_date < {{ replay_start_date() }}
    or not (reached_coverage_share between 0 and coverage_share + 1e-6)
    or not (engaged_coverage_share between 0 and coverage_share + 1e-6)
    or not (coverage_share between 0 and 1)
    or (coverage_share is null) != (coverage_unknown_reason is not null)
    or (reached_coverage_share is null) != (coverage_unknown_reason is not null)
    or not (strength_score between 0 and 100)
    or fit_tier not in ('strong', 'moderate', 'weak', 'unknown')
    or signal_level not in ('none', 'some', 'strong')
    or is_target is null
    or lifecycle is null
    or is_outside_window is null
    or has_committed_motion is null
