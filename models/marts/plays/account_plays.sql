{#- What the decision leaves to be done; to be researched is worked as before where nobody has the
    time to ask. -#}
{%- set play_decision -%}
case
            when decision = 'drop' then 'drop'
            when decision = 'hold' then 'hold'
            when has_timing_conflict then 'watch'
            when decision = 'research' and is_asked then 'research'
            else 'pursue'
        end
{%- endset -%}

{%- set situation = [
    'play_decision', 'state', 'driver', 'lifecycle', 'motion_word', 'readiness_segment'
] %}

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

effort_days as (

    select * from {{ ref('int_effort_days') }}
    where account_id is not null

),

play_outcomes as (

    select * from {{ ref('int_play_outcomes') }}
    where status in ('done', 'dismissed') and not is_unknown_account and not is_unknown_play

),

events as (

    select * from {{ ref('int_account_events') }}

),

acts as (

    select account_id, person_id, activity_type, occurred_date, is_buying_signal
    from {{ ref('int_account_acts') }}
    where {{ on_last_day() }} and base_points_h > 0

),

-- Who there did what of late, for the words: of each kind of act the one by whom it weighs most. A
-- report of intent is nobody's act.
seen_acts as (

    select
        seen.account_id,
        seen.person_id,
        seen.activity_type,
        seen.occurred_date,
        seen.is_buying_signal,
        activity_types.did,
        seniority_levels.called,
        people.persona,
        row_number() over (
            partition by seen.account_id, seen.activity_type
            order by
                seniority_levels.multiplier desc nulls last, seen.occurred_date desc,
                people.persona asc nulls last, seniority_levels.called asc
        ) as act_order
    from acts as seen
    inner join {{ ref('activity_types') }} as activity_types
        on seen.activity_type = activity_types.activity_type
    left join {{ ref('int_people') }} as people
        on
            seen.person_id = people.person_id
            and {{ on_last_day('people.') }}
    left join {{ ref('seniority_levels') }} as seniority_levels
        on people.seniority = seniority_levels.seniority
    where activity_types.did is not null and activity_types.channel != 'intent'
        and seen.occurred_date > {{ add_days(end_date(), -var('engaged_days')) }}

),

-- A manager (champion), a champion, or nobody of whom anything is known.
named_acts as (

    select
        *,
        case
            when called != 'somebody'
                then called || coalesce(' (' || {{ persona_words('persona') }} || ')', '')
            else {{ a_persona('persona') }}
        end as whom
    from seen_acts

),

kinds_of_acts as (

    select
        account_id,
        activity_type,
        max(is_buying_signal) as is_buying_signal,
        max(occurred_date) as last_on,
        count(distinct person_id) as people,
        max(did) as did,
        max(case when act_order = 1 then whom end) as whom
    from named_acts
    group by account_id, activity_type

),

told_acts as (

    select
        *,
        case
            when people > 1
                then {{ in_words('people', 0) }} || ' people'
                    || coalesce(', among them ' || whom || ',', '') || ' ' || did || ', last on '
            else coalesce(whom, 'somebody') || ' ' || did || ' on '
        end
        || cast(last_on as {{ dbt.type_string() }}) as words,
        row_number() over (
            partition by account_id
            order by is_buying_signal desc, last_on desc, activity_type asc
        ) as kind_order
    from kinds_of_acts

),

recent_acts as (

    select
        account_id,
        upper(substring(string_agg(words, '; ' order by kind_order), 1, 1))
        || substring(string_agg(words, '; ' order by kind_order), 2) as acts_in_words
    from told_acts
    where kind_order <= {{ var('acts_named') }}
    group by account_id

),

changes as (

    select * from {{ ref('int_decision_changes') }}
    where as_of_date <= {{ end_date() }}

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

inbound_routes as (

    select * from {{ ref('inbound_routes') }}
    where response_days is not null

),

exclusion_spans as (

    select * from {{ ref('int_account_exclusions') }}

),

exclusions as (

    select
        account_id,
        string_agg(distinct reason, ', ' order by reason) as reasons,
        nullif(max(valid_to), {{ forever() }}) as excluded_until
    from exclusion_spans
    where {{ on_last_day() }}
    group by account_id

),

-- Nothing was due while it was excluded: what is due counts from the end at the earliest.
past_exclusions as (

    select account_id, max(valid_to) as ended_on
    from exclusion_spans
    where valid_to <= {{ end_date() }}
    group by account_id

),

decisions as (

    select * from {{ ref('account_decisions') }}

),

readiness as (

    select * from {{ ref('account_readiness') }}

),

timing as (

    select * from {{ ref('account_timing') }}
    where is_outside_window

),

research_queue as (

    select *, true as is_asked
    from {{ ref('research_queue') }}
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
        activation.paused_since,
        activation.has_committed_motion,
        case when activation.has_committed_motion then 'true' else 'false' end as motion_word,
        state_rules.needs_committed_motion,
        state_rules.state_rank,
        previous_rules.state_rank as previous_state_rank,
        state_rules.response,
        activation.primary_driver,
        accounts.account_name,
        accounts.owner_name,
        accounts.lifecycle,
        fit.fit_tier,
        fit.fit_score,
        fit.misfits,
        signals.signal_level,
        signals.last_signal_date,
        signals.is_spiking,
        signals.surging_topic_names,
        exclusions.reasons as exclusion_reason,
        exclusions.excluded_until,
        coalesce(past_exclusions.ended_on, date '0001-01-01') as free_since,
        decisions.revisit_on,
        decisions.readiness_segment,
        readiness.next_deadline_on,
        readiness.blocking_dimension,
        timing.timing_reason,
        research_queue.respondent_role,
        research_queue.dimension as asked_dimension,
        coalesce(research_queue.is_asked, false) as is_asked,
        case
            when exclusions.account_id is not null then 'withheld'
            else {{ play_decision }}
        end as play_decision,
        case
            when not accounts.is_target then 'untargeted'
            else coalesce(activation.primary_driver, 'none')
        end as driver
    from activation
    inner join accounts on activation.account_id = accounts.account_id
    inner join fit on activation.account_id = fit.account_id
    inner join signals on activation.account_id = signals.account_id
    inner join decisions on activation.account_id = decisions.account_id
    left join readiness on activation.account_id = readiness.account_id
    left join timing on activation.account_id = timing.account_id
    left join research_queue on activation.account_id = research_queue.account_id
    inner join state_rules on activation.state = state_rules.state
    left join state_rules as previous_rules on activation.previous_state = previous_rules.state
    left join exclusions on activation.account_id = exclusions.account_id
    left join past_exclusions on activation.account_id = past_exclusions.account_id

),

-- An event is what the first pattern says that it matches.
event_triggers as (

    select
        events.account_id,
        events.event_type,
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

    select distinct account_id, 'buying_signal', occurred_date, occurred_date
    from acts
    where is_buying_signal
        and occurred_date > {{ add_days(end_date(), -var('max_age_days')) }}

    union all

    select account_id, 'spike', last_signal_date, last_signal_date
    from decided
    where is_spiking

    union all

    select account_id, 'state', state_since, state_since
    from decided

),

trigger_ranks as (

    select
        trigger,
        min(trigger_rank) as trigger_rank,
        max(fresh_days) as fresh_days,
        -- A change of state is news for as long as the state lasts and nobody has done anything.
        max(kind) = 'state' as lasts_with_state
    from play_triggers
    group by trigger

),

asked as (

    select account_id, is_asked from decided

),

-- What was so from which day on, with the eyes of today on whom there is time to ask.
spans as (

    select
        changes.account_id,
        changes.as_of_date as valid_from,
        case when changes.is_account then {{ play_decision }} end as play_decision,
        changes.state,
        changes.driver,
        changes.lifecycle,
        changes.readiness_segment,
        case when changes.has_committed_motion then 'true' else 'false' end as motion_word
    from changes
    inner join asked on changes.account_id = asked.account_id

),

situations as (

    select {{ situation | join(', ') }}, 'state' as trigger
    from spans

    union

    select
        {%- for column in situation %}
        decided.{{ column }},
        {%- endfor %}
        happenings.trigger
    from decided
    inner join happenings on decided.account_id = happenings.account_id

),

-- Accounts share situations, so the words of the rules are compared once for each.
ranked_rules as (

    select
        situations.*,
        play_rules.play_id,
        play_rules.due_days,
        play_rules.repeat_days,
        play_rules.rule_rank,
        play_rules.reason as rule_reason,
        play_rules.trigger != 'any' as names_trigger,
        row_number() over (
            partition by
                {%- for column in situation %}
                situations.{{ column }},
                {%- endfor %}
                situations.trigger
            order by play_rules.rule_rank
        ) as rule_order
    from situations
    inner join play_rules
        on
            {{ is_one_of('situations.play_decision', 'play_rules.decision') }}
            {%- for column in ['trigger'] + situation[1:4] + ['readiness_segment'] %}
            and (
                play_rules.{{ column }} = 'any'
                or {{ is_one_of('situations.' ~ column, 'play_rules.' ~ column) }}
            )
            {%- endfor %}
            and play_rules.has_committed_motion in ('any', situations.motion_word)

),

rules as (

    select
        ranked_rules.*,
        plays.owner_function,
        plays.content_level,
        plays.first_touch_hours
    from ranked_rules
    inner join plays on ranked_rules.play_id = plays.play_id
    where ranked_rules.rule_order = 1

),

-- Who is asked for a touch has done it by one to somebody, or by a meeting; what goes to the
-- account as a whole is done by a mailing too, and where no touch of a person belongs to it by an
-- ad.
work as (

    select
        account_id,
        function_name,
        max(case when touches + meetings > 0 then effort_date end) as addressed_on,
        max(case when touches + meetings + mailings > 0 then effort_date end) as mailed_on,
        max(case when touches + meetings + broad_touches > 0 then effort_date end) as shown_on
    from effort_days
    group by account_id, function_name

),

reported as (

    select account_id, play_id, max({{ to_day('version_at') }}) as reported_on
    from play_outcomes
    group by account_id, play_id

),

-- A buying signal is answered by whom inbound_routes ask for an answer, whoever leads the play.
inbound_answers as (

    select decided.account_id, max(work.addressed_on) as answered_on
    from decided
    inner join work on decided.account_id = work.account_id
    inner join inbound_routes
        on
            {{ is_one_of('work.function_name', 'inbound_routes.expected_functions') }}
            and inbound_routes.lifecycle in ('any', decided.lifecycle)
    group by decided.account_id

),

started as (

    select
        happenings.account_id,
        happenings.trigger,
        happenings.triggered_on,
        greatest(happenings.counts_from, decided.free_since) as counts_from,
        trigger_ranks.trigger_rank,
        trigger_ranks.fresh_days,
        trigger_ranks.lasts_with_state,
        coalesce(
            {{ end_date() }} < {{ add_days('happenings.counts_from', 'trigger_ranks.fresh_days') }},
            true
        ) as is_fresh,
        rules.play_id,
        rules.due_days,
        rules.repeat_days,
        rules.rule_rank,
        rules.rule_reason,
        rules.names_trigger,
        case
            when rules.first_touch_hours is null then work.shown_on
            when rules.content_level = 'account' then work.mailed_on
            else work.addressed_on
        end as last_touch_on,
        reported.reported_on,
        case when happenings.trigger = 'buying_signal' then inbound_answers.answered_on end
            as answered_on
    from happenings
    inner join decided on happenings.account_id = decided.account_id
    inner join trigger_ranks on happenings.trigger = trigger_ranks.trigger
    inner join rules
        on
            happenings.trigger = rules.trigger
            {%- for column in situation %}
            and decided.{{ column }} = rules.{{ column }}
            {%- endfor %}
    left join work
        on
            happenings.account_id = work.account_id
            and rules.owner_function = work.function_name
    left join reported
        on happenings.account_id = reported.account_id and rules.play_id = reported.play_id
    left join inbound_answers on happenings.account_id = inbound_answers.account_id

),

-- What a rule names and nobody has done anything about since it happened. What is heard of again
-- while it is news goes on with the play, which is due since the first of them.
open_news as (

    select
        *,
        case
            when counts_from
                < {{ add_days('lag(counts_from) over of_trigger', 'fresh_days') }}
                then 0
            else 1
        end as is_first
    from started
    where names_trigger
        and counts_from > coalesce(
            greatest(last_touch_on, reported_on, answered_on), date '0001-01-01'
        )
    window of_trigger as (
        partition by account_id, trigger order by counts_from asc, triggered_on desc
    )

),

chained_news as (

    select
        *,
        sum(is_first) over (
            partition by account_id, trigger
            order by counts_from asc, triggered_on desc
            rows between unbounded preceding and current row
        ) as chain
    from open_news

),

named as (

    select
        account_id,
        trigger,
        chain,
        trigger_rank,
        play_id,
        repeat_days,
        rule_rank,
        rule_reason,
        last_touch_on,
        min(triggered_on) as triggered_on,
        min(counts_from) as play_since,
        {{ add_days('min(counts_from)', 'min(due_days)') }} as due_on
    from chained_news
    group by
        account_id, trigger, chain, trigger_rank, lasts_with_state, play_id, repeat_days,
        rule_rank, rule_reason, last_touch_on
    having max(is_fresh or lasts_with_state)

),

standing as (

    select * from started
    where trigger = 'state'

),

-- The spans up to the day whose play is the one of the day.
span_plays as (

    select
        spans.account_id,
        spans.valid_from,
        rules.due_days,
        max(case when rules.play_id is distinct from standing.play_id then spans.valid_from end)
            over (partition by spans.account_id) as other_from
    from spans
    inner join standing on spans.account_id = standing.account_id
    left join rules
        on
            rules.trigger = 'state'
            {%- for column in situation %}
            and spans.{{ column }} = rules.{{ column }}
            {%- endfor %}

),

runs as (

    select
        span_plays.account_id,
        min(greatest(span_plays.valid_from, decided.free_since)) as play_since,
        min({{ add_days(
            'greatest(span_plays.valid_from, decided.free_since)', 'span_plays.due_days'
        ) }}) as first_due_on
    from span_plays
    inner join decided on span_plays.account_id = decided.account_id
    where span_plays.other_from is null or span_plays.valid_from > span_plays.other_from
    group by span_plays.account_id

),

-- For the words: the weightiest news that starts nothing by itself and that nobody has acted on.
backgrounds as (

    select
        account_id,
        trigger,
        triggered_on,
        row_number() over (
            partition by account_id
            order by trigger_rank asc, counts_from desc, triggered_on asc
        ) as background_order
    from started
    where not names_trigger and is_fresh
        and (
            trigger = 'state' or lasts_with_state
            or counts_from > coalesce(
                greatest(last_touch_on, reported_on, answered_on), date '0001-01-01'
            )
        )

),

lasting as (

    select
        standing.*,
        backgrounds.trigger as background,
        backgrounds.triggered_on as background_on,
        coalesce(runs.play_since, standing.counts_from) as play_since,
        coalesce(
            runs.first_due_on, {{ add_days('standing.counts_from', 'standing.due_days') }}
        ) as first_due_on,
        greatest(standing.last_touch_on, standing.reported_on) as done_on
    from standing
    inner join backgrounds
        on standing.account_id = backgrounds.account_id and backgrounds.background_order = 1
    left join runs on standing.account_id = runs.account_id

),

candidates as (

    select
        account_id, trigger, triggered_on, trigger_rank, play_id, rule_rank, rule_reason,
        last_touch_on, play_since, due_on
    from named

    union all

    -- What has been done since it began is due again its rhythm later.
    select
        account_id, background, background_on, trigger_rank, play_id, rule_rank, rule_reason,
        last_touch_on, play_since,
        case
            when done_on >= play_since then {{ add_days('done_on', 'repeat_days') }}
            else first_due_on
        end as due_on
    from lasting

),

-- The weightiest reason says which play; of several for that play the first that made it due says
-- since when.
weighed as (

    select
        *,
        first_value(play_id) over (partition by account_id order by trigger_rank) as first_play_id
    from candidates

),

dated as (

    select
        *,
        row_number() over (
            partition by account_id order by due_on asc nulls last, trigger_rank asc
        ) as play_order
    from weighed
    where play_id = first_play_id

),

chosen as (

    select
        decided.*,
        dated.trigger,
        dated.triggered_on,
        dated.play_id,
        dated.rule_rank,
        dated.rule_reason,
        dated.last_touch_on,
        dated.play_since,
        -- What a hold asks for by itself is due on the day it ends.
        case
            when dated.due_on is null and decided.play_decision = 'hold'
                and dated.play_id != 'none'
                then decided.revisit_on
            else dated.due_on
        end as due_on,
        plays.play_name,
        plays.template,
        plays.owner_function,
        plays.channels,
        plays.content_level,
        plays.first_touch_hours,
        plays.description as what_to_do
    from dated
    inner join decided on dated.account_id = decided.account_id
    inner join plays on dated.play_id = plays.play_id
    where dated.play_order = 1

),

-- What was delivered of the news: its kind in the source's words.
news as (

    select
        account_id,
        trigger,
        triggered_on,
        string_agg(
            distinct replace(event_type, '_', ' '), ' and ' order by replace(event_type, '_', ' ')
        ) as news_words
    from event_triggers
    where pattern_order = 1
    group by account_id, trigger, triggered_on

),

told as (

    select
        chosen.*,
        recent_acts.acts_in_words,
        news.news_words
    from chosen
    left join news
        on
            chosen.account_id = news.account_id
            and chosen.trigger = news.trigger
            and chosen.triggered_on = news.triggered_on
    left join recent_acts on chosen.account_id = recent_acts.account_id

),

worded as (

    select
        *,
        concat_ws(
            '. ',
            case
                when play_decision = 'withheld'
                    then 'Excluded'
                        || coalesce(
                            ' until ' || cast(excluded_until as {{ dbt.type_string() }}), ''
                        )
                        || ' (' || replace(exclusion_reason, '_', ' ')
                        || '): nobody should act on them, whatever the decision'
                when play_decision = 'drop'
                    then 'Does not fit' || coalesce(
                        ': ' || misfits,
                        ' (' || {{ in_words('floor(fit_score)', 0) }}
                        || ' of 100 points, {{ var("fit_moderate_min_score") }} are needed)', ''
                    )
                when play_decision = 'hold'
                    then 'On hold until ' || cast(revisit_on as {{ dbt.type_string() }})
            end,
            case
                when play_decision in ('hold', 'research') or readiness_segment = 'can_decide' then
                    {{ readiness_words('readiness_segment') }}
                    || case when readiness_segment = 'blocked'
                        then {{ blocking_words('blocking_dimension') }} else '' end
                    || coalesce(
                        case when readiness_segment = 'can_decide'
                            then ' and must act by '
                                || cast(next_deadline_on as {{ dbt.type_string() }}) end, ''
                    )
            end,
            case when play_decision not in ('withheld', 'drop') then
                concat_ws(
                    '. ',
                    case
                        when play_decision = 'watch' then
                            case
                                when signal_level = 'strong' and has_committed_motion
                                    then 'Strong signal and a committed deal'
                                when has_committed_motion then 'A committed deal'
                                else 'Strong signal'
                            end
                            || coalesce(
                                -- As it stands in account_timing, without its capital and stop.
                                ', but t' || substring(timing_reason, 2, length(timing_reason) - 2),
                                ' at a time when they cannot buy'
                            )
                        -- What somebody did is told with who did it.
                        when trigger in ('state', 'rise', 'fall', 'buying_signal') then null
                        when trigger = 'spike'
                            then 'They showed more interest than usual in the last'
                                || ' {{ var("spike_days") }} days'
                        else
                            'News of ' || cast(triggered_on as {{ dbt.type_string() }}) || ': '
                            || coalesce(news_words, replace(trigger, '_', ' '))
                    end,
                    case
                        when trigger = 'rise'
                            then 'Rose from ' || previous_state || ' to ' || state || ' on '
                        when trigger = 'fall'
                            then 'Fell from ' || previous_state || ' to ' || state || ' on '
                        else upper(substring(state, 1, 1)) || substring(state, 2) || ' since '
                    end
                    || cast(state_since as {{ dbt.type_string() }})
                    || case kept_by
                        when 'waiting_rule' then
                            ', drops below ' || state || ' on '
                            || cast(
                                {{ add_days(
                                    'as_of_date', var('days_below_to_fall') ~ ' - days_below'
                                ) }} as {{ dbt.type_string() }}
                            )
                            || ' if nothing changes'
                        when 'stale_feed'
                            then ', held there only because ' || {{ feed_words('paused_by') }}
                                || ' stopped (' || paused_by
                                || coalesce(
                                    ', since ' || cast(paused_since as {{ dbt.type_string() }}), ''
                                ) || ')'
                        else ''
                    end
                    || case
                        when has_committed_motion then '; a committed deal is moving'
                        when needs_committed_motion then '; no committed deal is moving'
                        else ''
                    end,
                    coalesce(
                        acts_in_words,
                        'We saw nobody there contact us or use our site, emails, ads or events in'
                        || ' {{ var("engaged_days") }} days'
                    ),
                    'Elsewhere they read more than usual about ' || surging_topic_names,
                    'What keeps them from becoming active: '
                    || {{ driver_words('primary_driver', 'they') }}
                )
            end,
            'To do: '
            || case when play_id != 'none' then
                nullif(
                    concat_ws(
                        '. ',
                        case when play_decision = 'research' then
                            'Find out ' || {{ question_words('asked_dimension') }}
                            || ' (ask ' || {{ a_persona('respondent_role') }} || ')' end,
                        what_to_do
                    ), ''
                )
            end
        )
        || '.' as why
    from told

)

select
    account_id,
    account_name,
    owner_name,
    as_of_date,
    play_decision,
    play_id,
    play_name,
    template,
    owner_function,
    channels,
    content_level,
    first_touch_hours,
    -- Whoever leads: who can decide goes first, and of these and the others who named a deadline;
    -- what is held or dropped comes after all of them.
    case
        when play_id = 'none' then null
        when play_decision in ('hold', 'drop') then 4
        when readiness_segment = 'can_decide' and next_deadline_on is not null then 1
        when readiness_segment = 'can_decide' then 2
        when next_deadline_on is not null then 3
        else 4
    end as priority,
    case when play_id != 'none' then next_deadline_on end as next_deadline_on,
    case when due_on is not null then play_since end as play_since,
    due_on,
    coalesce(due_on < as_of_date, false) as is_overdue,
    last_touch_on,
    trigger,
    triggered_on,
    response,
    exclusion_reason,
    excluded_until,
    rule_rank,
    rule_reason,
    why
from worded
