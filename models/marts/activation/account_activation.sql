with state_rules as (

    select
        *,
        min_signal_level = 'strong' as asks_strong_signal,
        case min_signal_level
            when 'strong' then {{ var('strong_min_strength') }}
            when 'some' then {{ var('some_min_strength') }}
            else 0
        end as min_strength
    from {{ ref('activation_states') }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

checkpoints as (

    select * from {{ ref('stg_scores__activation_checkpoints') }}
    where as_of_date = {{ end_date() }}

),

gap_days as (

    select
        gap_days.*,
        names.account_name,
        names.owner_name,
        state_rules.state_rank,
        checkpoints.days_below
    from {{ ref('int_account_gap_days') }} as gap_days
    inner join state_rules on gap_days.state = state_rules.state
    left join checkpoints on gap_days.account_id = checkpoints.account_id
    left join names on gap_days.account_id = names.account_id
    where gap_days.as_of_date = {{ end_date() }}

),

-- Which parts of each rule hold on the day: in full, as a rise asks, and at the share of the
-- thresholds that keeps a state.
tried as (

    select
        gap_days.account_id,
        not state_rules.asks_strong_signal or gap_days.is_broad as is_broad_enough,
        not state_rules.asks_strong_signal or gap_days.has_recent_buying_signal
            as has_buying_signal,
        not state_rules.needs_committed_motion or gap_days.has_committed_motion as has_motion,
        state_rules.motion_replaces_signal as is_replaceable,
        state_rules.motion_replaces_signal
        and gap_days.has_committed_motion as is_signal_replaced,
        state_rules.state_rank = gap_days.state_rank as is_own,
        gap_days.strength_score,
        -- Unknown coverage meets every threshold.
        coalesce(gap_days.reached_coverage_share, 1) as reached_coverage_share,
        {%- for way, factor in [('enter', 1), ('keep', var('keep_factor'))] %}
        round(state_rules.min_strength * {{ factor }}, 6) as {{ way }}_strength,
        round(state_rules.min_reached_coverage * {{ factor }}, 6)
            as {{ way }}_coverage{{ ',' if not loop.last }}
        {%- endfor %}
    from gap_days
    inner join state_rules on gap_days.state_rank <= state_rules.state_rank

),

judged as (

    select
        tried.*,
        {%- for way in ['enter', 'keep'] %}
        strength_score >= {{ way }}_strength as has_{{ way }}_strength,
        (strength_score >= {{ way }}_strength and is_broad_enough and has_buying_signal)
        or is_signal_replaced as has_{{ way }}_signal{{ ',' if not loop.last }}
        {%- endfor %}
    from tried

),

-- An account may have its state by the rule of that state or of a higher one.
standing as (

    select
        account_id,
        {%- for way in ['enter', 'keep'] %}
        max(
            case
                when has_{{ way }}_signal
                    and has_motion
                    and reached_coverage_share >= {{ way }}_coverage
                    then 1
                else 0
            end
        ) = 1 as meets_{{ way }}{{ ',' if not loop.last }}
        {%- endfor %}
    from judged
    group by account_id

),

-- What the rule of its own state asks for and the account does not have, in words: to rise to the
-- state (enter), and to stay in it (keep).
missing as (

    select
        judged.account_id,
        standing.meets_enter,
        standing.meets_keep,
        {%- for way in ['enter', 'keep'] %}
        concat_ws(
            ', ',
            -- A deal that moves would stand for all of the signal.
            nullif(
                concat_ws(
                    ', ',
                    case when not judged.has_{{ way }}_strength and not judged.is_signal_replaced
                        then 'strength ' || {{ in_words('judged.strength_score', 1) }} || ' ('
                            || {{ in_words('judged.' ~ way ~ '_strength', 1) }} || ' needed)' end,
                    case when not judged.is_broad_enough and not judged.is_signal_replaced
                        then 'only one person and channel' end,
                    case when not judged.has_buying_signal and not judged.is_signal_replaced
                        then 'no buying signal in {{ var("buying_signal_days") }} days' end
                )
                || case when judged.is_replaceable and not judged.has_{{ way }}_signal
                    then ' and no committed deal is moving that would make up for it'
                    else '' end,
                ''
            ),
            case when not judged.has_motion then 'no committed deal is moving' end,
            case when judged.reached_coverage_share < judged.{{ way }}_coverage
                then {{ in_words('100 * judged.reached_coverage_share', 1) }}
                    || '% of its buying committee reached ('
                    || {{ in_words('100 * judged.' ~ way ~ '_coverage', 1) }} || '% needed)' end
        ) as {{ way }}_words{{ ',' if not loop.last }}
        {%- endfor %}
    from judged
    inner join standing on judged.account_id = standing.account_id
    where judged.is_own

),

holding_spans as (

    select
        acts.account_id,
        acts.feed,
        min(feed_gaps.valid_from) as stale_since
    from {{ ref('int_account_acts') }} as acts
    inner join {{ ref('int_feed_gaps') }} as feed_gaps on acts.feed = feed_gaps.feed
    where (acts.base_points_h > 0 or acts.reaches_person or acts.is_two_way)
        and {{ add_days('acts.occurred_date', 'greatest(acts.half_life_days * '
            ~ var('counted_half_lives') ~ ', ' ~ var('engaged_days') ~ ', ' ~ var('motion_days')
            ~ ', ' ~ var('reached_days') ~ ')') }} > feed_gaps.last_delivery_date
        and {{ end_date() }} >= greatest(acts.valid_from, feed_gaps.valid_from)
        and {{ end_date() }} < least(
            acts.valid_to,
            feed_gaps.valid_to,
            {{ add_days('feed_gaps.valid_from', var('stale_hold_days')) }}
        )
    group by acts.account_id, acts.feed

),

holding_feeds as (

    select
        account_id,
        string_agg(feed, ', ' order by feed) as feeds,
        min(stale_since) as stale_since,
        string_agg(
            feed || ' (since ' || cast(stale_since as {{ dbt.type_string() }}) || ')',
            ', '
            order by feed
        ) as feeds_in_words
    from holding_spans
    group by account_id

),

-- Below what keeps the state, on a day that no stopped feed explains, only the wait before a fall
-- is left to keep it.
kept as (

    select
        gap_days.*,
        missing.enter_words,
        missing.keep_words,
        holding_feeds.feeds,
        holding_feeds.stale_since,
        holding_feeds.feeds_in_words,
        case
            when missing.meets_enter then null
            when missing.meets_keep then 'keep_thresholds'
            when gap_days.is_held then 'stale_feed'
            else 'waiting_rule'
        end as kept_by
    from gap_days
    inner join missing on gap_days.account_id = missing.account_id
    left join holding_feeds on gap_days.account_id = holding_feeds.account_id

)

select
    account_id,
    account_name,
    owner_name,
    as_of_date,
    state,
    state_since,
    previous_state,
    kept_by,
    days_below,
    is_held as is_downgrade_paused,
    case when is_held then feeds end as paused_by,
    case when is_held then stale_since end as paused_since,
    has_committed_motion,
    has_timing_conflict,
    primary_driver,
    upper(substring(state, 1, 1)) || substring(state, 2)
    || ' since ' || cast(state_since as {{ dbt.type_string() }})
    || ': ' || case signal_level when 'none' then 'no' else signal_level end
    || ' signal (strength ' || {{ in_words('strength_score', 1) }}
    || ' of 100'
    || case
        when signal_level != 'some' or strength_score < {{ var('strong_min_strength') }} then ''
        when not is_broad then ', but from only one person and channel'
        else ', but no buying signal in {{ var("buying_signal_days") }} days'
    end
    || ')'
    || case when has_committed_motion then ', a committed deal is moving' else '' end
    || ', ' || {{ reached_words('reached_coverage_share', 'coverage_unknown_reason') }}
    || '.'
    || case when primary_driver is not null
        then ' What holds it back: ' || {{ driver_words('primary_driver') }}
            || case when has_coverage_driver and signal_driver is not null
                then ', and ' || {{ driver_words("'insufficient_coverage'") }} else '' end
            || '.'
        else '' end
    || case kept_by
        when 'keep_thresholds'
            then ' It has enough to stay ' || state || ', but too little to become ' || state
                || ' today: ' || enter_words || '.'
        when 'stale_feed'
            then ' It has too little to stay: ' || keep_words || '.'
        when 'waiting_rule'
            then ' It has too little to stay: ' || keep_words || '. It drops below '
                || state || ' on '
                || cast(
                    {{ add_days('as_of_date', var('days_below_to_fall') ~ ' - days_below') }}
                    as {{ dbt.type_string() }}
                )
                || ' if nothing changes: this is day ' || days_below
                || ' of {{ var("days_below_to_fall") }}.'
        else ''
    end
    || case when is_held
        then ' It does not fall while ' || {{ feed_words('feeds') }}
            || ' that stopped could be why: ' || {{ with_and('feeds_in_words') }} || '.'
        else '' end as why
from kept
