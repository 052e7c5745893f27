with states as (

    select * from {{ ref('int_account_states') }}

)

select
    account_id,
    state,
    previous_state,
    valid_from,
    nullif(valid_to, {{ forever() }}) as valid_to,
    case reason_code
        when 'first_day' then 'first day in the universe, ' || state
        when 'rise' then 'rose from ' || previous_state
        when 'fall' then
            'fell from '
            || previous_state
            || ' after '
            || days_below
            || ' days below its thresholds'
    end
    || ': strength ' || {{ in_words('strength_score', 1) }}
    || case when is_strong then ' (strong signal)' else ' (signal not strong)' end
    || case when has_committed_motion then ', committed deal in motion' else ', no committed deal'
    end
    || ', reached coverage ' || {{ in_words('100 * reached_coverage_share', 0) }} || '%'
    || case when is_attribution_changed
        then '; acts had moved to or from another account (attribution_changed)' else '' end
        as reason,
    reason_code,
    days_below,
    is_attribution_changed,
    ruleset_version
from states
