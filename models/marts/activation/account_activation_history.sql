with states as (

    select * from {{ ref('int_account_states') }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

state_rules as (

    select
        *,
        case min_signal_level
            when 'strong' then {{ var('strong_min_strength') }}
            when 'some' then {{ var('some_min_strength') }}
            else 0
        end as min_strength
    from {{ ref('activation_states') }}

),

-- What was asked of the account: of a rise the thresholds of the new state, of a fall those of the
-- state it left, down to the share that keeps it.
asked as (

    select
        states.*,
        coalesce(names.account_name, states.account_id) as account_name,
        names.owner_name,
        states.reason_code = 'fall' as is_fall,
        state_rules.needs_committed_motion or state_rules.motion_replaces_signal as asks_motion,
        state_rules.min_signal_level = 'strong' as asks_strong_signal,
        state_rules.min_strength
        * case when states.reason_code = 'fall' then {{ var('keep_factor') }} else 1 end
            as min_strength,
        state_rules.min_reached_coverage
        * case when states.reason_code = 'fall' then {{ var('keep_factor') }} else 1 end
            as min_coverage,
        {%- for condition in [
            'strength', 'breadth', 'buying_signal', 'committed_motion', 'coverage'
        ] %}
        -- Transitions that were stored before decided_by was kept have none.
        coalesce('|' || states.decided_by || '|' like '%|{{ condition }}|%', false)
            as is_by_{{ condition }}{{ ',' if not loop.last }}
        {%- endfor %}
    from states
    left join names on states.account_id = names.account_id
    left join state_rules
        on
            state_rules.state
            = case when states.reason_code = 'fall' then states.previous_state else states.state end

),

worded as (

    select
        *,
        case reason_code
            when 'first_day' then 'first seen as ' || state
            when 'rise' then 'rose from ' || previous_state || ' to ' || state
            when 'fall' then
                'fell from ' || previous_state || ' to ' || state || ' after '
                || {{ counted('days_below', 'day') }} || ' with too little to stay'
        end as change_words,
        'strength ' || {{ in_words('strength_score', 1) }}
        || case
            when not is_by_strength then case when is_strong then ' (strong signal)' else '' end
            else ' (' || {{ in_words('min_strength', 1) }} || ' needed)'
        end as strength_words,
        case
            when is_by_breadth and is_fall then 'only one person and channel'
            when is_by_breadth then 'a second person or channel came in'
            when not is_fall and asks_strong_signal and is_broad
                then 'several people or channels'
        end as breadth_words,
        case
            when is_by_buying_signal and is_fall
                then 'no buying signal in {{ var("buying_signal_days") }} days'
            when is_by_buying_signal then 'a new buying signal'
            when not is_fall and asks_strong_signal and has_recent_buying_signal
                then 'a buying signal in the last {{ var("buying_signal_days") }} days'
        end as buying_words,
        case
            when is_by_committed_motion and not is_fall
                then 'a committed deal began to move'
            when has_committed_motion then 'a committed deal is moving'
            when is_by_committed_motion or (asks_motion and reason_code = 'first_day')
                then 'no committed deal is moving'
        end as motion_words,
        -- A deal that moves never made an account fall.
        is_by_committed_motion and not (is_fall and has_committed_motion) as is_by_motion,
        coalesce(
            {{ in_words('100 * reached_coverage_share', 1) }} || '% of its buying committee reached'
            || case when is_by_coverage
                then ' (' || {{ in_words('100 * min_coverage', 1) }} || '% needed)'
                else ''
            end,
            'reach into its buying committee unknown'
        ) as coverage_words
    from asked

),

-- What decided stands before what was so too.
told as (

    select
        *,
        {%- for part, is_it in [('decisive', ''), ('other', 'not ')] %}
        nullif(
            concat_ws(
                ', ',
                case when {{ is_it }}is_by_strength then strength_words end,
                case when {{ is_it }}is_by_breadth then breadth_words end,
                case when {{ is_it }}is_by_buying_signal then buying_words end,
                case when {{ is_it }}is_by_motion then motion_words end,
                case when {{ is_it }}is_by_coverage then coverage_words end
            ), ''
        ) as {{ part }}_words{{ ',' if not loop.last }}
        {%- endfor %}
    from worded

)

select
    account_id,
    account_name,
    owner_name,
    state,
    previous_state,
    valid_from,
    nullif(valid_to, {{ forever() }}) as valid_to,
    change_words
    || ': '
    || concat_ws('; also: ', decisive_words, other_words)
    || case
        when is_attribution_changed
            then
                case when is_fall and days_below > 1 then '; on these days' else '; on this day' end
                || ' our records changed too: activities turned out to belong to it or to another'
                || ' account, or it became known or unknown who sits in its buying committee'
        else ''
    end as reason,
    reason_code,
    decided_by,
    strength_score,
    reached_coverage_share,
    has_committed_motion,
    days_below,
    is_attribution_changed,
    ruleset_version
from told
