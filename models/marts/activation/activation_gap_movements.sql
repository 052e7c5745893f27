with gap as (

    select * from {{ ref('activation_gap') }}

),

gap_history as (

    select * from {{ ref('account_gap_history') }}

),

movements as (

    select * from {{ ref('account_gap_movements') }}

),

-- Days before the accounts of the gap were kept have a gap, but nothing to tell what moved it.
days as (

    select
        gap.as_of_date,
        gap.segment_type,
        gap.segment_value,
        gap.target_gap,
        gap.held_accounts,
        gap.target_gap_without_held,
        gap.target_gap_if_risen,
        gap.held_by,
        {{ week_start('gap.as_of_date') }} as week_start_date
    from gap
    where gap.as_of_date >= (select min(gap_history.as_of_date) from gap_history)

),

weeks as (

    select
        week_start_date,
        max(as_of_date) as closing_date,
        -- The first stored day moves nothing: what it finds is where the first week opens.
        coalesce(lag(max(as_of_date)) over (order by week_start_date), min(as_of_date))
            as opening_date
    from days
    group by week_start_date

),

moved as (

    select
        week_start_date,
        segment_type,
        segment_value,
        {%- for kind in ['listed', 'activated', 'removed', 'cooled'] %}
        sum(case when movement = '{{ kind }}' then abs(gap_change) else 0 end) as {{ kind }},
        {%- endfor %}
        {%- for kind in ['list_began', 'rule_or_identity_change'] %}
        sum(case when movement = '{{ kind }}' then gap_change else 0 end)
            as {{ kind }}{{ ',' if not loop.last }}
        {%- endfor %}
    from movements
    group by week_start_date, segment_type, segment_value

),

segments as (

    select week_start_date, segment_type, segment_value from days
    union
    select week_start_date, segment_type, segment_value from moved
    union
    select weeks.week_start_date, days.segment_type, days.segment_value
    from weeks
    inner join days on weeks.opening_date = days.as_of_date

),

reckoned as (

    select
        weeks.week_start_date,
        segments.segment_type,
        segments.segment_value,
        weeks.closing_date,
        weeks.opening_date,
        coalesce(opening.target_gap, 0) as opening_gap,
        {%- for kind in [
            'list_began', 'listed', 'removed', 'activated', 'cooled', 'rule_or_identity_change'
        ] %}
        cast(coalesce(moved.{{ kind }}, 0) as bigint) as {{ kind }},
        {%- endfor %}
        coalesce(closing.target_gap, 0) as closing_gap,
        -- Days computed before held accounts were counted have none.
        case when closing.as_of_date is null then 0 else closing.held_accounts end
            as closing_held_accounts,
        case when closing.as_of_date is null then 0 else closing.target_gap_without_held end
            as closing_gap_without_held,
        case when closing.as_of_date is null then 0 else closing.target_gap_if_risen end
            as closing_gap_if_risen,
        closing.held_by
    from segments
    inner join weeks on segments.week_start_date = weeks.week_start_date
    left join days as opening
        on
            weeks.opening_date = opening.as_of_date
            and segments.segment_type = opening.segment_type
            and segments.segment_value = opening.segment_value
    left join days as closing
        on
            weeks.closing_date = closing.as_of_date
            and segments.segment_type = closing.segment_type
            and segments.segment_value = closing.segment_value
    left join moved
        on
            segments.week_start_date = moved.week_start_date
            and segments.segment_type = moved.segment_type
            and segments.segment_value = moved.segment_value

)

select
    week_start_date,
    segment_type,
    segment_value,
    closing_date as as_of_date,
    opening_date = {{ add_days('week_start_date', -1) }}
    and {{ week_start(add_days('closing_date', 1)) }} > week_start_date as is_complete,
    opening_gap,
    list_began,
    listed,
    removed,
    activated,
    cooled,
    rule_or_identity_change,
    closing_gap,
    closing_held_accounts,
    closing_gap_without_held,
    closing_gap_if_risen,
    held_by,
    case
        -- Another list is no rise or fall: the gap counts other accounts from that day on.
        when list_began != 0
            then 'The gap went from ' || {{ in_words('opening_gap', 0) }} || ' to '
                || {{ counted('closing_gap', 'account') }}
        when closing_gap = opening_gap
            then 'The gap stayed at ' || {{ counted('closing_gap', 'account') }}
        when closing_gap > opening_gap
            then 'The gap grew from ' || {{ in_words('opening_gap', 0) }} || ' to '
                || {{ counted('closing_gap', 'account') }}
        else 'The gap shrank from ' || {{ in_words('opening_gap', 0) }} || ' to '
            || {{ counted('closing_gap', 'account') }}
    end
    || ': '
    || coalesce(
        nullif(
            concat_ws(
                ', ',
                case
                    when list_began > 0
                        then {{ in_words('list_began', 0) }}
                            || ' more because a new target list began to count'
                    when list_began < 0
                        then {{ in_words('-list_began', 0) }}
                            || ' fewer because a new target list took the place of the old one'
                end,
                case when listed > 0 then {{ in_words('listed', 0) }} || ' newly listed' end,
                case when removed > 0
                    then {{ in_words('removed', 0) }} || ' taken off the list' end,
                case when activated > 0 then {{ in_words('activated', 0) }} || ' activated' end,
                case when cooled > 0 then {{ in_words('cooled', 0) }} || ' cooled off' end,
                case when rule_or_identity_change > 0
                    then {{ in_words('rule_or_identity_change', 0) }} || ' more' end,
                case when rule_or_identity_change < 0
                    then {{ in_words('-rule_or_identity_change', 0) }} || ' fewer' end
            )
            || case when rule_or_identity_change != 0
                then ' because rules or segments changed or records moved between accounts'
                else '' end, ''
        ), 'no account moved'
    )
    || '.'
    || case when closing_held_accounts > 0
        then ' ' || {{ counted('closing_held_accounts', 'activated account') }}
            || case when closing_held_accounts = 1 then ' counts' else ' count' end
            || ' as such only because ' || {{ feed_words('held_by') }} || ' stopped (' || held_by
            || '); if ' || case when closing_held_accounts = 1 then 'it' else 'they' end
            || ' fell meanwhile, the gap is '
            || {{ in_words('closing_gap_without_held', 0) }} || '.'
        else ''
    end
    || case when closing_gap_if_risen < closing_gap
        then ' ' || {{ counted('closing_gap - closing_gap_if_risen', 'account') }}
            || ' may have risen unseen because ' || {{ feed_words('held_by') }} || ' stopped ('
            || held_by || '); if '
            || case when closing_gap - closing_gap_if_risen = 1 then 'it' else 'they' end
            || ' rose, the gap is '
            || {{ in_words('closing_gap_if_risen', 0) }} || '.'
        else ''
    end as why
from reckoned
