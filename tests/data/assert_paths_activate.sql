-- Guards: every gap account has a path, and the change it names activates it by the rule of the
-- lowest activated state: the points reach the strength of strong signal and a hundredth less would
-- not, the people reach the coverage and one fewer would not, and nothing is named that the account
-- has. Also that gains fall within a persona, which is why the largest first is the smallest
-- change. Excluded accounts, and only they, have none.
-- Does not guard: that a person can be reached, or that signal comes.
with paths as (

    select * from {{ ref('account_activation_paths') }}

),

features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

gap_days as (

    select * from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ end_date() }} and is_target and not is_activated

),

steps as (

    select
        *,
        lag(gain_share) over (partition by account_id, persona order by step) as gain_before
    from {{ ref('int_reach_steps') }}

),

one_fewer as (

    select
        paths.account_id,
        coalesce(max(steps.gain_so_far), 0) as gain_share
    from paths
    left join steps
        on
            paths.account_id = steps.account_id
            and steps.people_so_far < paths.people_to_reach
    group by paths.account_id

),

activated_rules as (

    select * from {{ ref('activation_states') }}
    where is_activated
    order by state_rank
    limit 1

),

checked as (

    select
        gap_days.account_id,
        paths.change_kind,
        round(100 * (1 - exp(
            -(
                features.intent_points
                + features.engagement_points
                + coalesce(paths.points_missing, 0)
            ) / {{ var('strength_saturation_points') }}
        )), 6) as strength_after,
        round(100 * (1 - exp(
            -(features.intent_points + features.engagement_points + paths.points_missing - 0.01)
            / {{ var('strength_saturation_points') }}
        )), 6) as strength_with_less,
        paths.points_missing,
        features.is_broad or coalesce(paths.is_breadth_missing, false) as is_broad_after,
        features.has_recent_buying_signal or coalesce(paths.is_buying_signal_missing, false)
            as is_buying_after,
        gap_days.has_signal,
        paths.people_to_reach,
        paths.reached_coverage_share_after,
        round(gap_days.reached_coverage_share + one_fewer.gain_share, 6) as coverage_with_less,
        activated_rules.min_reached_coverage,
        exists(
            select 1 from {{ ref('int_account_exclusions') }} as exclusions
            where exclusions.account_id = gap_days.account_id
                and {{ on_last_day('exclusions.') }}
        ) as is_excluded
    from gap_days
    left join paths on gap_days.account_id = paths.account_id
    left join one_fewer on gap_days.account_id = one_fewer.account_id
    inner join features on gap_days.account_id = features.account_id
    cross join activated_rules

)

select account_id, 'the change does not activate it' as fault
from checked
where change_kind is null
    or (
        change_kind in ('signal', 'both')
        and not (
            strength_after >= {{ var('strong_min_strength') }}
            and is_broad_after
            and is_buying_after
        )
    )
    or (change_kind = 'coverage' and not has_signal)
    or (
        change_kind not in ('excluded', 'list')
        and reached_coverage_share_after < min_reached_coverage
    )
    or (change_kind = 'excluded') != is_excluded

union all

select account_id, 'less would do'
from checked
where (points_missing > 0 and strength_with_less >= {{ var('strong_min_strength') }})
    or (people_to_reach > 0 and coverage_with_less >= min_reached_coverage)

union all

select account_id, 'a later person of a persona brings more'
from steps
where gain_share > gain_before + 0.000001
