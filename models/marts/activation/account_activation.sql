with state_rules as (

    select * from {{ ref('activation_states') }}

),

-- From the lowest state there is nowhere to fall, so nothing to hold.
gap_days as (

    select
        gap_days.*,
        gap_days.is_paused and state_rules.state_rank > 1 as is_held
    from {{ ref('int_account_gap_days') }} as gap_days
    inner join state_rules on gap_days.state = state_rules.state
    where gap_days.as_of_date = {{ end_date() }}

),

holding_feeds as (

    select
        acts.account_id,
        string_agg(distinct acts.feed, ', ' order by acts.feed) as feeds
    from {{ ref('int_account_acts') }} as acts
    inner join {{ ref('int_feed_gaps') }} as feed_gaps on acts.feed = feed_gaps.feed
    where acts.base_points_h > 0
        and {{ end_date() }} >= greatest(acts.valid_from, feed_gaps.valid_from)
        and {{ end_date() }} < least(
            acts.valid_to,
            {{ add_days('acts.occurred_date', var('engaged_days')) }},
            feed_gaps.valid_to,
            {{ add_days('feed_gaps.valid_from', var('stale_hold_days')) }}
        )
    group by acts.account_id

)

select
    gap_days.account_id,
    gap_days.as_of_date,
    gap_days.state,
    gap_days.state_since,
    gap_days.previous_state,
    gap_days.is_held as is_downgrade_paused,
    case when gap_days.is_held then holding_feeds.feeds end as paused_by,
    gap_days.has_committed_motion,
    gap_days.has_timing_conflict,
    gap_days.primary_driver,
    upper(substring(gap_days.state, 1, 1)) || substring(gap_days.state, 2)
    || ' since ' || cast(gap_days.state_since as {{ dbt.type_string() }})
    || ': strength ' || {{ in_words('gap_days.strength_score', 1) }}
    || ' (signal ' || gap_days.signal_level
    || case
        when
            gap_days.signal_level != 'some'
            or gap_days.strength_score < {{ var('strong_min_strength') }}
            then ''
        when not gap_days.is_broad then ', too narrow for strong'
        else ', no recent buying signal'
    end
    || ')'
    || case when gap_days.has_committed_motion then ', committed deal in motion' else '' end
    || ', reached coverage ' || {{ in_words('100 * gap_days.reached_coverage_share', 0) }} || '%'
    || case when gap_days.primary_driver is not null
        then ', held back by ' || replace(gap_days.primary_driver, '_', ' ')
            || case when gap_days.has_coverage_driver and gap_days.signal_driver is not null
                then ' and insufficient coverage' else '' end
        else '' end
    || case when
        gap_days.is_held
        then ', downgrades held while ' || holding_feeds.feeds || ' is stale'
        else '' end
    || '.' as why
from gap_days
left join holding_feeds on gap_days.account_id = holding_feeds.account_id
