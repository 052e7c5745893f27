with activation as (

    select * from {{ ref('account_activation') }}

),

accounts as (

    select * from {{ ref('accounts') }}

),

fit as (

    select * from {{ ref('account_fit') }}

),

signals as (

    select * from {{ ref('account_signals') }}

),

coverage as (

    select * from {{ ref('account_coverage') }}

),

touches as (

    select * from {{ ref('account_touches') }}
    where direction = 'outbound'

),

events as (

    select * from {{ ref('int_account_events') }}

),

state_rules as (

    select * from {{ ref('activation_states') }}

),

play_triggers as (

    select * from {{ ref('play_triggers') }}

),

play_rules as (

    select * from {{ ref('play_rules') }}

),

plays as (

    select * from {{ ref('plays') }}

),

exclusions as (

    select
        account_id,
        string_agg(distinct reason, ', ' order by reason) as reasons,
        nullif(max(valid_to), {{ forever() }}) as excluded_until
    from {{ ref('int_account_exclusions') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to
    group by account_id

),

decisions as (

    select * from {{ ref('account_decisions') }}

),

research_queue as (

    select * from {{ ref('research_queue') }}
    where is_within_budget

),

-- The decision comes before the play. Of the accounts that nobody knows to be able to decide those
-- are asked for whom there is time; the rest is worked as before.
decided as (

    select
        activation.account_id,
        activation.as_of_date,
        activation.state,
        activation.state_since,
        activation.previous_state,
        activation.kept_by,
        activation.days_below,
        activation.paused_by,
        activation.has_committed_motion,
        case when activation.has_committed_motion then 'true' else 'false' end as motion_word,
        state_rules.needs_committed_motion,
        state_rules.state_rank,
        previous_rules.state_rank as previous_state_rank,
        state_rules.response,
        activation.primary_driver,
        accounts.lifecycle,
        fit.fit_tier,
        fit.fit_score,
        signals.strength_score,
        signals.signal_level,
        signals.engaged_people,
        signals.last_buying_signal_date,
        signals.last_signal_date,
        signals.is_spiking,
        coverage.reached_coverage_share,
        coverage.coverage_unknown_reason,
        coverage.required_personas,
        coverage.covered_personas,
        exclusions.reasons as exclusion_reason,
        exclusions.excluded_until,
        decisions.revisit_on,
        decisions.readiness_segment,
        research_queue.respondent_role,
        research_queue.dimension as asked_dimension,
        case
            when exclusions.account_id is not null then 'withheld'
            when decisions.decision = 'drop' then 'drop'
            when activation.has_timing_conflict then 'watch'
            when decisions.decision = 'hold' then 'hold'
            when research_queue.account_id is not null
                and decisions.decision = 'research'
                then 'research'
            else 'pursue'
        end as decision,
        case
            when not accounts.is_target then 'untargeted'
            else coalesce(activation.primary_driver, 'none')
        end as driver
    from activation
    inner join accounts on activation.account_id = accounts.account_id
    inner join fit on activation.account_id = fit.account_id
    inner join signals on activation.account_id = signals.account_id
    inner join coverage on activation.account_id = coverage.account_id
    inner join decisions on activation.account_id = decisions.account_id
    left join research_queue on activation.account_id = research_queue.account_id
    inner join state_rules on activation.state = state_rules.state
    left join state_rules as previous_rules on activation.previous_state = previous_rules.state
    left join exclusions on activation.account_id = exclusions.account_id

),

-- An event is what the first pattern says that it matches.
event_triggers as (

    select
        events.account_id,
        play_triggers.trigger,
        events.event_date as triggered_on,
        events.counts_from,
        row_number() over (
            partition by events.event_id order by play_triggers.trigger_rank
        ) as pattern_order
    from events
    inner join play_triggers
        on
            play_triggers.kind = 'change_event'
            and events.event_type like play_triggers.event_pattern

),

happenings as (

    select account_id, trigger, triggered_on, counts_from
    from event_triggers
    where pattern_order = 1

    union all

    select account_id, 'rise', state_since, state_since
    from decided
    where state_rank > previous_state_rank

    union all

    select account_id, 'fall', state_since, state_since
    from decided
    where state_rank < previous_state_rank

    union all

    select account_id, 'buying_signal', last_buying_signal_date, last_buying_signal_date
    from decided
    where last_buying_signal_date is not null

    union all

    select account_id, 'spike', last_signal_date, last_signal_date
    from decided
    where is_spiking

    union all

    select account_id, 'state', state_since, state_since
    from decided

),

trigger_ranks as (

    select trigger, min(trigger_rank) as trigger_rank, max(fresh_days) as fresh_days
    from play_triggers
    group by trigger

),

ranked_triggers as (

    select
        happenings.*,
        trigger_ranks.fresh_days is null as is_endless,
        row_number() over (
            partition by happenings.account_id
            order by
                trigger_ranks.trigger_rank asc,
                happenings.counts_from desc,
                happenings.triggered_on asc
        ) as trigger_order
    from happenings
    inner join trigger_ranks on happenings.trigger = trigger_ranks.trigger
    where trigger_ranks.fresh_days is null
        or {{ end_date() }} < {{ add_days('happenings.counts_from', 'trigger_ranks.fresh_days') }}

),

ranked_rules as (

    select
        decided.*,
        ranked_triggers.trigger,
        ranked_triggers.triggered_on,
        ranked_triggers.is_endless,
        {{ add_days('ranked_triggers.counts_from', 'play_rules.due_days') }} as first_due_on,
        play_rules.play_id,
        play_rules.repeat_days,
        play_rules.rule_rank,
        play_rules.reason as rule_reason,
        row_number() over (
            partition by decided.account_id order by play_rules.rule_rank
        ) as rule_order
    from decided
    inner join ranked_triggers
        on decided.account_id = ranked_triggers.account_id and ranked_triggers.trigger_order = 1
    inner join play_rules
        on
            {{ is_one_of('decided.decision', 'play_rules.decision') }}
            {%- for column in ['trigger', 'state', 'driver', 'lifecycle'] %}
            and (
                play_rules.{{ column }} = 'any'
                or {{ is_one_of(
                    ('ranked_triggers.' if column == 'trigger' else 'decided.') ~ column,
                    'play_rules.' ~ column
                ) }}
            )
            {%- endfor %}
            and play_rules.has_committed_motion in ('any', decided.motion_word)

),

last_touches as (

    select account_id, function_name, max(touch_date) as last_touch_on
    from touches
    group by account_id, function_name

),

chosen as (

    select
        ranked_rules.*,
        plays.play_name,
        plays.template,
        plays.owner_function,
        plays.channels,
        plays.content_level,
        plays.first_touch_hours,
        last_touches.last_touch_on,
        -- What has been done is due again its rhythm later, counted from the last time. What has
        -- not is due on its first day for as long as it is news, and in its rhythm where the
        -- trigger has no end.
        case
            when ranked_rules.repeat_days is null then null
            when last_touches.last_touch_on >= ranked_rules.triggered_on
                then {{ add_days('last_touches.last_touch_on', 'ranked_rules.repeat_days') }}
            when ranked_rules.is_endless then ranked_rules.first_due_on
        end as rhythm_from
    from ranked_rules
    inner join plays on ranked_rules.play_id = plays.play_id
    left join last_touches
        on
            ranked_rules.account_id = last_touches.account_id
            and plays.owner_function = last_touches.function_name
    where ranked_rules.rule_order = 1

),

dated as (

    select
        *,
        case
            when rhythm_from is null then first_due_on
            when rhythm_from >= {{ end_date() }} then rhythm_from
            else
                {{ add_days('rhythm_from', 'cast(repeat_days * ceil('
                    ~ dbt.datediff('rhythm_from', end_date(), 'day')
                    ~ ' / cast(repeat_days as double)) as integer)') }}
        end as due_on
    from chosen

),

worded as (

    select
        dated.*,
        case
            when decision = 'withheld' then
                'Withheld'
                || coalesce(' until ' || cast(excluded_until as {{ dbt.type_string() }}), '')
                || ': ' || replace(exclusion_reason, '_', ' ')
            when decision = 'drop' then
                'Dropped: fit is ' || fit_tier
                || coalesce(' (score ' || {{ in_words('fit_score', 1) }} || ')', '')
                || case when fit_score >= {{ var('fit_moderate_min_score') }}
                    then ', for a must-not criterion matches' else '' end
            else
                case
                    when decision = 'hold' then
                        'held until ' || cast(revisit_on as {{ dbt.type_string() }})
                        || ', readiness ' || replace(readiness_segment, '_', ' ')
                        || case when has_committed_motion
                            then ', and yet a committed deal is moving' else '' end
                        || '; '
                    when decision = 'research' then
                        'ask the ' || replace(respondent_role, '_', ' ') || ', '
                        || replace(asked_dimension, '_', ' ') || ' first, readiness '
                        || replace(readiness_segment, '_', ' ') || '; '
                    else ''
                end
                || case
                    when decision = 'watch' then
                        case
                            when signal_level = 'strong' and has_committed_motion
                                then 'strong signal and a committed deal'
                            when has_committed_motion then 'committed deal'
                            else 'strong signal'
                        end
                        || ' outside the buying window; '
                    when trigger in ('state', 'rise', 'fall') then ''
                    else
                        replace(trigger, '_', ' ') || ' on '
                        || cast(triggered_on as {{ dbt.type_string() }}) || '; '
                end
                || case
                    when trigger = 'rise' then
                        'rose from ' || previous_state || ' to ' || state || ' on '
                    when trigger = 'fall' then
                        'fell from ' || previous_state || ' to ' || state || ' on '
                    else state || ' since '
                end
                || cast(state_since as {{ dbt.type_string() }})
                || ': strength ' || {{ in_words('strength_score', 1) }}
                || ', engaged people ' || cast(engaged_people as {{ dbt.type_string() }})
                || ', reached coverage ' || coalesce(
                    {{ in_words('100 * reached_coverage_share', 0) }} || '%'
                    || ', required personas on file '
                    || cast(covered_personas as {{ dbt.type_string() }})
                    || ' of '
                    || cast(required_personas as {{ dbt.type_string() }}),
                    'unknown (' || replace(coverage_unknown_reason, '_', ' ') || ')'
                )
                || case
                    when has_committed_motion then ', committed deal in motion'
                    when needs_committed_motion then ', no committed deal in motion'
                    else ''
                end
                || coalesce(', held back by ' || replace(primary_driver, '_', ' '), '')
                || case kept_by
                    when 'keep_thresholds'
                        then '; would not enter it today, above what keeps it'
                    when 'waiting_rule' then
                        '; day ' || days_below || ' of {{ var("days_below_to_fall") }}'
                        || ' below what keeps it'
                    when 'stale_feed' then '; below what keeps it, held by stale ' || paused_by
                    else ''
                end
        end
            as sentence
    from dated

)

select
    account_id,
    as_of_date,
    decision,
    play_id,
    play_name,
    template,
    owner_function,
    channels,
    content_level,
    first_touch_hours,
    due_on,
    coalesce(
        due_on < as_of_date and coalesce(last_touch_on < triggered_on, true), false
    ) as is_overdue,
    last_touch_on,
    trigger,
    triggered_on,
    response,
    exclusion_reason,
    excluded_until,
    rule_rank,
    rule_reason,
    upper(substring(sentence, 1, 1)) || substring(sentence, 2) || '.' as why
from worded
