with changes as (

    select
        *,
        {%- for fact in [
            'decision', 'lifecycle', 'fit_tier', 'readiness_segment', 'is_told_to_wait',
            'is_revisit_due', 'ruleset_version'
        ] %}
        lag({{ fact }}) over of_account as previous_{{ fact }},
        {%- endfor %}
        coalesce(lag(is_account) over of_account, false) as was_account
    from {{ ref('int_decision_changes') }}
    window of_account as (partition by account_id order by as_of_date)

),

turns as (

    select
        *,
        coalesce(
            lead(as_of_date) over (partition by account_id order by as_of_date), {{ forever() }}
        ) as valid_to
    from changes
    where decision is distinct from previous_decision or is_account != was_account

),

worded as (

    select
        *,
        coalesce(
            previous_decision in ('hold', 'drop') and decision in ('pursue', 'research'), false
        ) as is_return,
        case
            when previous_decision is null then 'first judged'
            else
                'from ' || previous_decision || ': '
                || coalesce(
                    nullif(
                        concat_ws(
                            ', ',
                            case when is_revisit_due and not previous_is_revisit_due
                                then 'the day to come back has come' end,
                            case when is_told_to_wait and not previous_is_told_to_wait
                                then 'told when to come back' end,
                            case when previous_is_told_to_wait and not is_told_to_wait
                                then 'the day that was named has come, or was taken back' end,
                            case when readiness_segment != previous_readiness_segment
                                then 'readiness went from '
                                    || replace(previous_readiness_segment, '_', ' ') || ' to '
                                    || replace(readiness_segment, '_', ' ') end,
                            case when fit_tier != previous_fit_tier
                                then 'fit went from ' || previous_fit_tier || ' to '
                                    || fit_tier end,
                            case when lifecycle != previous_lifecycle
                                then 'lifecycle went from '
                                    || replace(previous_lifecycle, '_', ' ') || ' to '
                                    || replace(lifecycle, '_', ' ') end,
                            case when ruleset_version != previous_ruleset_version
                                then 'under other rules' end
                        ), ''
                    ), 'newer research'
                )
        end as reason
    from turns
    where is_account

)

select
    account_id,
    decision,
    previous_decision,
    is_return,
    as_of_date as valid_from,
    nullif(valid_to, {{ forever() }}) as valid_to,
    rule_rank,
    fit_tier,
    readiness_segment,
    blocking_dimension,
    lifecycle,
    case
        when is_return then 'came back '
        else ''
    end || reason as reason,
    ruleset_version
from worded
