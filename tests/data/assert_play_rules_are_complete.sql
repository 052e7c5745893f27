-- Guards: every combination of decision, trigger, state, driver, lifecycle, deal in motion and
-- readiness has a rule; who can decide and is not excluded has a play that sales leads, whatever
-- is decided; every rule can match some
-- combination and has no misspelt word; change events go before whatever is routine; what the
-- state alone can start repeats; deal plays ask for a deal in motion.
-- Does not guard: that the play is a sensible one.
{%- set columns = [
    'decision', 'trigger', 'state', 'driver', 'lifecycle', 'has_committed_motion',
    'readiness_segment'
] %}
with decisions as (

    {{ rows_of_words(
        ['withheld', 'drop', 'hold', 'research', 'watch', 'pursue'], 'decision'
    ) }}

),

drivers as (

    {{ rows_of_words(gap_drivers() + ['none', 'untargeted'], 'driver') }}

),

lifecycles as (

    {{ rows_of_words(lifecycles(), 'lifecycle') }}

),

motions as (

    {{ rows_of_words(['true', 'false'], 'has_committed_motion') }}

),

-- Of segments that no rule names one stands for all.
segments as (

    select distinct readiness_segment from (
        select unnest(string_split(readiness_segment, '|')) as readiness_segment
        from {{ ref('play_rules') }}
        union all
        select 'unknown'
    ) as named
    where readiness_segment != 'any'

),

triggers as (

    select distinct trigger from {{ ref('play_triggers') }}

),

combinations as (

    select
        decisions.decision,
        triggers.trigger,
        states.state,
        drivers.driver,
        lifecycles.lifecycle,
        motions.has_committed_motion,
        segments.readiness_segment
    from decisions
    cross join triggers
    cross join {{ ref('activation_states') }} as states
    cross join drivers
    cross join lifecycles
    cross join motions
    cross join segments

),

matches as (

    select
        combinations.decision,
        combinations.trigger,
        combinations.state,
        combinations.driver,
        combinations.lifecycle,
        combinations.has_committed_motion,
        combinations.readiness_segment,
        rules.rule_rank
    from combinations
    left join {{ ref('play_rules') }} as rules
        on
            {{ is_one_of('combinations.decision', 'rules.decision') }}
            {%- for column in columns[1:] %}
            and (
                rules.{{ column }} = 'any'
                or {{ is_one_of('combinations.' ~ column, 'rules.' ~ column) }}
            )
            {%- endfor %}

),

-- Each word of a rule must be one that exists.
words as (

    {%- for column in columns %}
    select
        rule_rank, '{{ column }}' as place,
        unnest(string_split({{ column }}, '|')) as word
    from {{ ref('play_rules') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

known_words as (

    select 'trigger' as place, trigger as word from {{ ref('play_triggers') }}
    union
    select 'decision', decision from decisions
    union
    select 'state', state from {{ ref('activation_states') }}
    union
    select 'driver', driver from drivers
    union
    select 'lifecycle', lifecycle from lifecycles
    union
    select 'has_committed_motion', has_committed_motion from motions
    {%- for segment in readiness_segments() %}
    union
    select 'readiness_segment', '{{ segment }}'
    {%- endfor %}
    {%- for column in columns %}
    union
    select '{{ column }}', 'any'
    {%- endfor %}

)

select
    'no play for ' || decision || ', ' || trigger || ', ' || state || ', ' || driver || ', '
    || lifecycle || ', committed deal in motion ' || has_committed_motion || ', '
    || readiness_segment as fault
from matches
where rule_rank is null

union all

select 'nothing can match rule ' || rules.rule_rank
from {{ ref('play_rules') }} as rules
left join matches on rules.rule_rank = matches.rule_rank
where matches.rule_rank is null

union all

select 'rule ' || words.rule_rank || ' has an unknown ' || words.place || ': ' || words.word
from words
left join known_words on words.place = known_words.place and words.word = known_words.word
where known_words.word is null

union all

select 'change event ' || events.trigger || ' goes after ' || routine.trigger
from {{ ref('play_triggers') }} as events
inner join {{ ref('play_triggers') }} as routine
    on events.kind = 'change_event' and routine.kind != 'change_event'
where events.trigger_rank >= routine.trigger_rank

union all

-- Else it would be due in the past for as long as the state lasts.
select distinct
    'rule ' || rules.rule_rank || ' can start from what has no end, and has no repeat_days of '
    || 'at least its due_days'
from matches
inner join {{ ref('play_rules') }} as rules on matches.rule_rank = rules.rule_rank
inner join {{ ref('play_triggers') }} as play_triggers
    on matches.trigger = play_triggers.trigger and play_triggers.fresh_days is null
where rules.due_days is not null and coalesce(rules.repeat_days < rules.due_days, true)

union all

select 'rule ' || rules.rule_rank || ' is a play for a deal in motion and does not ask for one'
from {{ ref('play_rules') }} as rules
where rules.play_id in ('deal_velocity', 'expansion_deal')
    and rules.has_committed_motion != 'true'

union all

select distinct 'who can decide is led by ' || plays.owner_function || ', rule ' || first.rule_rank
from (
    select min(rule_rank) as rule_rank
    from matches
    where readiness_segment = 'can_decide' and decision != 'withheld'
    group by decision, trigger, state, driver, lifecycle, has_committed_motion
) as first
inner join {{ ref('play_rules') }} as rules on first.rule_rank = rules.rule_rank
inner join {{ ref('plays') }} as plays on rules.play_id = plays.play_id
where plays.owner_function != 'sales'
