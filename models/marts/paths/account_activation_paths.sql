{%- set day = end_date() -%}
{%- set day_text = dbt.type_string() -%}

with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

gap_days as (

    select * from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ day }}

),

gap_accounts as (

    select * from gap_days
    where is_target and not is_activated

),

activated_rules as (

    select * from {{ ref('activation_states') }}
    where is_activated
    order by state_rank
    limit 1

),

steps as (

    select * from {{ ref('int_reach_steps') }}

),

timing as (

    select * from {{ ref('account_timing') }}

),

exclusions as (

    select
        account_id,
        string_agg(distinct replace(reason, '_', ' '), ', ' order by replace(reason, '_', ' '))
            as reasons,
        nullif(max(valid_to), {{ forever() }}) as excluded_until
    from {{ ref('int_account_exclusions') }}
    where {{ on_last_day() }}
    group by account_id

),

account_values as (

    select * from {{ ref('int_account_values') }}

),

fit as (

    select * from {{ ref('account_fit') }}

),

-- For the words: what a meeting with a VP gives on its day.
meeting_points as (

    select min(least(
        activity_types.base_points * seniority_levels.multiplier,
        {{ var('daily_identity_cap_points') }} * seniority_levels.multiplier,
        {{ var('person_cap_points') }}
    )) as vp_points
    from {{ ref('activity_types') }} as activity_types
    cross join {{ ref('seniority_levels') }} as seniority_levels
    where activity_types.activity_type = 'meeting' and seniority_levels.seniority = 'vp'
        and activity_types.base_points > 0

),

-- Points that the strength of strong signal asks for, rounded up to the hundredth.
signal_needs as (

    select
        gap_accounts.account_id,
        gap_accounts.has_signal,
        features.intent_points + features.engagement_points as points,
        ceil(
            -100
            * {{ var('strength_saturation_points') }}
            * ln(1 - {{ var('strong_min_strength') }} / 100.0)
        ) / 100 as needed_points
    from gap_accounts
    inner join features on gap_accounts.account_id = features.account_id

),

-- Gains of a persona fall from person to person, so that the largest of all, taken first, reach
-- the threshold with the fewest people.
coverage_needs as (

    select
        gap_accounts.account_id,
        min(steps.people_so_far) as people_to_reach
    from gap_accounts
    cross join activated_rules
    inner join steps on gap_accounts.account_id = steps.account_id
    where gap_accounts.has_coverage_driver
        and round(gap_accounts.reached_coverage_share + steps.gain_so_far, 6)
        >= activated_rules.min_reached_coverage
    group by gap_accounts.account_id

),

chosen_steps as (

    select
        steps.account_id,
        steps.persona,
        count(*) as people,
        sum(case when steps.is_to_find then 1 else 0 end) as people_to_find,
        max(steps.gain_so_far) as gain_share
    from steps
    inner join coverage_needs
        on
            steps.account_id = coverage_needs.account_id
            and steps.people_so_far <= coverage_needs.people_to_reach
    group by steps.account_id, steps.persona

),

reach as (

    select
        account_id,
        cast(sum(people) as integer) as people_to_reach,
        cast(sum(people_to_find) as integer) as people_to_find,
        max(gain_share) as gain_share,
        string_agg(
            people || ' ' || {{ persona_words('persona') }}
            || case when people = 1 then '' else 's' end,
            ', ' order by persona
        ) as personas_to_reach
    from chosen_steps
    group by account_id

),

paths as (

    select
        gap_accounts.account_id,
        gap_accounts.primary_driver,
        gap_accounts.signal_driver,
        gap_accounts.has_coverage_driver,
        gap_accounts.is_sole_blocker,
        exclusions.reasons as exclusion_reasons,
        exclusions.excluded_until,
        case
            when exclusions.account_id is not null then 'excluded'
            when not gap_accounts.fits_icp then 'list'
            when gap_accounts.signal_driver is null then 'coverage'
            when gap_accounts.has_coverage_driver then 'both'
            else 'signal'
        end as change_kind,
        gap_accounts.fits_icp
        and gap_accounts.signal_driver is not null
        and exclusions.account_id is null as needs_signal,
        signal_needs.points,
        signal_needs.needed_points,
        greatest(signal_needs.needed_points - signal_needs.points, 0) as points_missing,
        gap_accounts.is_broad,
        gap_accounts.has_recent_buying_signal,
        features.is_observable,
        gap_accounts.reached_coverage_share,
        gap_accounts.coverage_unknown_reason,
        gap_accounts.signal_cause,
        reach.people_to_reach,
        reach.people_to_find,
        reach.personas_to_reach,
        round(gap_accounts.reached_coverage_share + coalesce(reach.gain_share, 0), 6)
            as reached_coverage_share_after,
        timing.is_outside_window,
        timing.next_window_opens_on,
        account_values.account_value_usd,
        account_values.value_basis,
        names.account_name,
        names.owner_name,
        fit.misfits,
        meeting_points.vp_points
    from gap_accounts
    inner join features on gap_accounts.account_id = features.account_id
    inner join signal_needs on gap_accounts.account_id = signal_needs.account_id
    left join reach on gap_accounts.account_id = reach.account_id
    left join timing on gap_accounts.account_id = timing.account_id
    left join exclusions on gap_accounts.account_id = exclusions.account_id
    inner join account_values on gap_accounts.account_id = account_values.account_id
    left join names on gap_accounts.account_id = names.account_id
    left join fit on gap_accounts.account_id = fit.account_id
    cross join meeting_points

)

select
    account_id,
    account_name,
    owner_name,
    {{ day }} as as_of_date,
    change_kind,
    primary_driver,
    is_sole_blocker,
    case when needs_signal then points_missing end as points_missing,
    case when needs_signal then not is_broad end as is_breadth_missing,
    case when needs_signal then not has_recent_buying_signal end as is_buying_signal_missing,
    case when needs_signal
        then not is_observable or coalesce(signal_cause = 'no_intent_source', false)
    end as is_visibility_missing,
    case when change_kind in ('coverage', 'both') then people_to_reach end as people_to_reach,
    case when change_kind in ('coverage', 'both') then people_to_find end as people_to_find,
    case when change_kind in ('coverage', 'both') then personas_to_reach end
        as personas_to_reach,
    case when change_kind not in ('excluded', 'list') then reached_coverage_share_after end
        as reached_coverage_share_after,
    case when is_outside_window then next_window_opens_on end as next_window_opens_on,
    cast(account_value_usd as double) as account_value_usd,
    value_basis,
    case
        when change_kind = 'excluded'
            then 'Excluded'
                || coalesce(' until ' || cast(excluded_until as {{ day_text }}), '')
                || ' (' || replace(exclusion_reasons, '_', ' ')
                || '): nobody should act on it.'
        when change_kind = 'list'
            then 'It does not fit' || coalesce(' (' || misfits || ')', '')
                || ': take it off the list, or correct the fit if that is wrong.'
        else
            'To activate it: ' || concat_ws(
                '; ',
                case
                    when needs_signal and signal_cause = 'no_intent_source'
                        then 'have intent data delivered (no source of it is connected)'
                    when needs_signal and not is_observable
                        then 'make its interest visible (find contacts there and ask for their'
                            || ' consent to emails and to tracking on our site, or add the account'
                            || ' to the audiences of our ad platforms)'
                end,
                case
                    when needs_signal and points_missing > 0 then
                        'win more interest'
                        || case when is_broad then ''
                            else ' from a second person or through a second channel' end
                        || case when has_recent_buying_signal then ''
                            else ', including a buying signal' end
                        || case
                            when vp_points is null
                                then ' (replies, meetings, looks at the prices)'
                            when points_missing <= vp_points
                                then ' (a meeting with a VP is enough)'
                            -- Topics cannot surge where no source of intent is delivered.
                            when points_missing
                                <= vp_points + {{ var('intent_report_cap_points') }}
                                and coalesce(signal_cause, '') != 'no_intent_source'
                                then ' (a meeting with a VP is enough if they also read more'
                                    || ' than usual about our topics)'
                            else
                                ' (one meeting each with '
                                || {{ in_words('ceil(points_missing / vp_points)', 0) }}
                                || ' VPs is enough)'
                        end
                end,
                case when needs_signal and points_missing <= 0 and not is_broad
                    then 'get a second person to respond, or the same person through a second'
                        || ' channel' end,
                case when needs_signal and points_missing <= 0 and not has_recent_buying_signal
                    then 'get a buying signal: a reply, a meeting or a look at the prices' end,
                case when has_coverage_driver and people_to_reach is not null
                    then 'reach ' || {{ with_and('personas_to_reach') }} || ' ('
                        || {{ percent_words('reached_coverage_share') }}
                        || ' of its buying committee reached now, '
                        || {{ percent_words('reached_coverage_share_after') }} || ' then)'
                        || case
                            when people_to_find > 0 and people_to_find = people_to_reach
                                then case people_to_find
                                    when 1 then ', who has'
                                    when 2 then ', both of whom have'
                                    else ', all of whom have'
                                end || ' to be found first'
                            when people_to_find > 0
                                then ', '
                                    || {{ in_words('people_to_find', 0) }}
                                    || case when people_to_find = 1 then ' of whom has'
                                        else ' of whom have' end || ' to be found first'
                            else ''
                        end
                end,
                case when has_coverage_driver and people_to_reach is null
                    then 'have roles added to the buying committee in'
                        || ' {{ rule_file("coverage/personas") }}: reaching everybody in the roles'
                        || ' listed now is not enough' end,
                case when is_outside_window and next_window_opens_on is not null
                    then 'wait for its buying window, which opens on '
                        || cast(next_window_opens_on as {{ day_text }}) end,
                case when is_outside_window and next_window_opens_on is null
                    then 'ask when they can buy, for now they cannot' end
            ) || '.'
            || coalesce(
                ' Nobody knows who sits in its buying committee ('
                || {{ unknown_coverage_words('coverage_unknown_reason') }} || ').', ''
            )
    end as what_it_takes
from paths
