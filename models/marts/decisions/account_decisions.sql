{%- set day = end_date() -%}
{%- set quiet_since = add_days(day, -var('stalled_quiet_days')) -%}
{%- set worked_since = add_days(day, -var('stalled_touch_days')) -%}

with decision_days as (

    select * from {{ ref('int_decision_days') }}
    where as_of_date = {{ day }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

history as (

    select
        *,
        count(case when decision = 'hold' then 1 end) over (
            partition by account_id order by valid_from
            rows between unbounded preceding and current row
        ) as holds
    from {{ ref('account_decision_history') }}

),

-- Since when the rules have said what they say of the day.
calls as (

    select account_id, max(as_of_date) as called_since
    from (
        select
            account_id,
            as_of_date,
            coalesce(rule_decision, decision) as called,
            lag(coalesce(rule_decision, decision)) over (
                partition by account_id order by as_of_date
            ) as called_before
        from {{ ref('int_decision_changes') }}
        where as_of_date <= {{ day }}
    ) as compared
    where called is distinct from called_before
    group by account_id

),

effort as (

    select * from {{ ref('account_effort') }}

),

worked as (

    select
        account_id,
        min(effort_date) <= {{ worked_since }} and max(effort_date) > {{ worked_since }}
            as is_worked
    from {{ ref('int_effort_days') }}
    where effort_date > {{ quiet_since }} and touches > 0
    group by account_id

),

states as (

    select
        account_id,
        min(valid_from) <= {{ quiet_since }} as is_seen_long_enough,
        max(case when reason_code = 'rise' then valid_from end) as last_rise_on
    from {{ ref('int_account_states') }}
    group by account_id

),

deals as (

    select
        account_id,
        max(case when outcome in ('open', 'won') then stage_changed_date end) as last_step_on,
        count(case when outcome = 'open' and not is_renewal then 1 end) as open_deals,
        sum(
            case when outcome = 'open' and not is_renewal
                then cast(annual_amount_usd as decimal(18, 2)) end
        ) as open_pipeline_usd
    from {{ ref('int_opportunity_spans') }}
    where {{ on_last_day() }}
    group by account_id

),

readiness as (

    select * from {{ ref('account_readiness') }}

),

-- The median effort of the targets that get any.
usual_effort as (

    select median(effort.effort_usd) as effort_usd
    from effort
    inner join decision_days on effort.account_id = decision_days.account_id
    where decision_days.is_target and effort.effort_usd > 0

),

judged as (

    select
        decision_days.*,
        names.account_name,
        names.owner_name,
        coalesce(history.decision, decision_days.decision) as decision_in_force,
        history.previous_decision,
        history.valid_from as decision_since,
        history.is_return,
        calls.called_since,
        history.holds,
        effort.effort_usd,
        coalesce(deals.open_deals, 0) as open_deals,
        coalesce(deals.open_pipeline_usd, 0) as open_pipeline_usd,
        states.last_rise_on,
        deals.last_step_on,
        effort.listed_on,
        effort.selected_by,
        effort.selection_basis,
        effort.touches as recent_touches,
        effort.touches_since_listed,
        effort.effort_since_listed_usd,
        -- What counts as movement: a rise of state, a step of a deal, an answer to research.
        case when effort.listed_on is not null
            then
                greatest(
                    effort.listed_on,
                    coalesce(states.last_rise_on, effort.listed_on),
                    coalesce(deals.last_step_on, effort.listed_on),
                    coalesce(decision_days.last_research_date, effort.listed_on)
                )
        end as last_movement_on,
        -- Null where the history is too short to say.
        case
            when decision_days.lifecycle = 'customer' then false
            when not coalesce(worked.is_worked, false) then false
            when states.last_rise_on > {{ quiet_since }} then false
            when deals.last_step_on > {{ quiet_since }} then false
            when states.is_seen_long_enough then true
        end as is_stalled,
        decision_days.readiness_segment = 'can_decide'
        and coalesce(history.decision, decision_days.decision) = 'pursue'
        and effort.effort_usd < coalesce(usual_effort.effort_usd, 0) as is_under_served,
        usual_effort.effort_usd as usual_effort_usd,
        readiness.why as readiness_why
    from decision_days
    inner join readiness on decision_days.account_id = readiness.account_id
    inner join effort on decision_days.account_id = effort.account_id
    left join history
        on
            decision_days.account_id = history.account_id
            and {{ day }} >= history.valid_from
            and {{ day }} < coalesce(history.valid_to, {{ forever() }})
    left join calls on decision_days.account_id = calls.account_id
    left join worked on decision_days.account_id = worked.account_id
    left join states on decision_days.account_id = states.account_id
    left join deals on decision_days.account_id = deals.account_id
    left join names on decision_days.account_id = names.account_id
    left join usual_effort on 1 = 1

),

reviewed as (

    select
        *,
        {{ add_days('last_movement_on', var('review_after_days')) }} as review_on,
        coalesce(
            {{ add_days('last_movement_on', var('review_after_days')) }} <= {{ day }}, false
        ) as is_review_due
    from judged

)

select
    account_id,
    account_name,
    owner_name,
    as_of_date,
    decision_in_force as decision,
    case when decision != decision_in_force then decision end as pending_decision,
    previous_decision,
    decision_since,
    coalesce(is_return, false) as is_return,
    cast(coalesce(holds, 0) as integer) as holds,
    case when decision_in_force = 'hold' then revisit_on end as revisit_on,
    is_revisit_due,
    fit_tier,
    readiness_segment,
    is_single_voice,
    is_stalled,
    is_under_served,
    decision_in_force in ('pursue', 'research')
    and readiness_segment != 'blocked'
    and not coalesce(is_stalled, false) as is_movement_possible,
    effort_usd as effort_usd_90d,
    open_deals,
    cast(open_pipeline_usd as double) as open_pipeline_usd,
    rule_rank,
    listed_on,
    last_movement_on,
    review_on,
    is_review_due,
    case
        when not is_review_due then null
        when lifecycle = 'customer' then 'keep'
        when decision_in_force = 'drop' then 'remove'
        when decision_in_force = 'hold' then 'hold'
        when is_stalled then 'remove'
        else 'keep'
    end as review_answer,
    effort_since_listed_usd,
    case when listed_on is not null
        then 'On the target list since ' || cast(listed_on as {{ dbt.type_string() }})
            || coalesce(', chosen by ' || nullif(trim(selected_by), ''), '')
            || coalesce(
                '; reason: ' || nullif(regexp_replace(trim(selection_basis), '[.]$', ''), ''), ''
            )
            || case
                when coalesce(trim(selected_by), '') = ''
                    and coalesce(trim(selection_basis), '') = ''
                    then '; neither who chose it nor why is recorded'
                when coalesce(trim(selected_by), '') = '' then '; who chose it is not recorded'
                when coalesce(trim(selection_basis), '') = '' then '; why is not recorded'
                else ''
            end
            || '. Since then: ' || {{ counted('touches_since_listed', 'touch', 'touches') }}
            || ' and about ' || {{ in_words('effort_since_listed_usd', 0) }}
            || ' USD of effort. '
            || case
                when not is_review_due
                    then 'To be reviewed on ' || cast(review_on as {{ dbt.type_string() }})
                        || case when last_movement_on > listed_on
                            then '; its state, a deal or the research last moved on '
                                || cast(last_movement_on as {{ dbt.type_string() }})
                            else '; nothing has moved since it was listed' end
                        || '.'
                else 'Nothing has moved since '
                    || cast(last_movement_on as {{ dbt.type_string() }})
                    || ': no rise of state, no step of a deal, no answer to research. '
                    || case
                        when lifecycle = 'customer' then 'Keep: it is a customer.'
                        when decision_in_force = 'drop' then 'Remove: it does not fit.'
                        when decision_in_force = 'hold' then 'Hold'
                            || coalesce(
                                ' until ' || cast(revisit_on as {{ dbt.type_string() }}),
                                '; no day to look again is set'
                            ) || '.'
                        when is_stalled then 'Remove: we have worked on it and nothing came of it.'
                        when touches_since_listed = 0
                            then 'Keep only if somebody will work on it: it has not been touched'
                                || ' yet.'
                        when recent_touches = 0
                            then 'Keep only if somebody will work on it: it has not been touched'
                                || ' in the last {{ var("touched_days") }} days.'
                        else 'Keep: it has not been worked on for long enough to say.'
                    end
            end
    end as why_listed,
    upper(substring(decision_in_force, 1, 1)) || substring(decision_in_force, 2)
    || case when decision_in_force = 'hold'
        then
            coalesce(
                ' until ' || cast(revisit_on as {{ dbt.type_string() }}) || case
                    when is_told_to_wait then ', the day they named'
                    when revisit_on = expires_on then ', when what they said is too old to count'
                    else ''
                end, ''
            )
        else '' end
    || ' (fit: ' || fit_tier || ', can decide: ' || {{ readiness_answer('readiness_segment') }}
    || '): '
    || case
        when decision != decision_in_force
            then 'as before; our rules have called for ' || decision || ' since '
                || cast(called_since as {{ dbt.type_string() }}) || ' and it takes effect on '
                || cast(
                    {{ add_days('called_since', var('days_before_decision_changes') - 1) }}
                    as {{ dbt.type_string() }}
                )
                || ' if they still do'
        when is_revisit_due
            then 'the hold ended on ' || cast(revisit_on as {{ dbt.type_string() }})
                || ', so ask them again'
        else lower(substring(rule_reason, 1, 1)) || substring(rule_reason, 2)
    end
    || '. ' || readiness_why
    || case when is_return
        then ' Came back from ' || previous_decision || ' on '
            || cast(decision_since as {{ dbt.type_string() }}) || '.'
        else '' end
    || case when is_stalled
        then ' Stalled: we have worked on them for more than {{ var("stalled_touch_days") }} days,'
            || ' and in {{ var("stalled_quiet_days") }} days their state has not risen and no deal'
            || ' has moved on. Approach other people there, or spend the effort elsewhere.'
        else '' end
    || case when is_under_served
        then ' Under-served: we spent about ' || {{ in_words('effort_usd', 0) }}
            || ' USD on them in {{ var("touched_days") }} days; on half of the targets that we work'
            || ' on we spent ' || {{ in_words('usual_effort_usd', 0) }} || ' or more.'
        else '' end as why
from reviewed
