{%- set facts = [
    'lifecycle', 'fit_tier', 'readiness_segment', 'is_told_to_wait', 'is_revisit_due',
    'ruleset_version'
] %}

with compared as (

    select
        *,
        {%- for fact in ['decision'] + facts %}
        lag({{ fact }}) over of_account as previous_{{ fact }},
        {%- endfor %}
        coalesce(lag(is_account) over of_account, false) as was_account,
        case
            when coalesce(rule_decision, decision)
                is distinct from lag(coalesce(rule_decision, decision)) over of_account
                then 1
            else 0
        end as is_run_start
    from {{ ref('int_decision_changes') }}
    window of_account as (partition by account_id order by as_of_date)

),

names as (

    select * from {{ ref('int_account_names') }}

),

numbered as (

    select
        *,
        sum(is_run_start) over (
            partition by account_id order by as_of_date
            rows between unbounded preceding and current row
        ) as run_number
    from compared

),

-- A decision that waited was brought about by what changed when the rules first said it.
changes as (

    select
        account_id, as_of_date, is_account, was_account, decision, previous_decision, rule_rank,
        blocking_dimension,
        {%- for fact in facts %}
        {{ fact }},
        first_value(previous_{{ fact }}) over of_run as previous_{{ fact }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from numbered
    window of_run as (partition by account_id, run_number order by as_of_date)

),

turns as (

    select
        *,
        min(as_of_date) over () as stored_since,
        min(as_of_date) over (partition by account_id) as known_since,
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
            -- Nothing changed, so the facts say why, and the rest why there is none before.
            when previous_decision is null
                then concat_ws(
                    ', ',
                    case when lifecycle = 'customer' then 'a customer' end,
                    'fit ' || fit_tier,
                    'can decide: ' || {{ readiness_answer('readiness_segment') }},
                    case when is_told_to_wait then 'they told us when to come back' end
                )
                || case
                    when as_of_date > known_since
                        then '; its record was gone for a time and is back'
                    when as_of_date > stored_since then '; it is a new account'
                    else '; what was decided before is not stored'
                end
            else
                previous_decision || ': '
                || coalesce(
                    nullif(
                        concat_ws(
                            ', ',
                            case when is_revisit_due and not previous_is_revisit_due
                                then 'the day to look again has come' end,
                            case when is_told_to_wait and not previous_is_told_to_wait
                                then 'they told us when to come back' end,
                            case when previous_is_told_to_wait and not is_told_to_wait
                                then 'the day they named has come, or they took it back' end,
                            case when readiness_segment != previous_readiness_segment
                                then 'can they decide? '
                                    || {{ readiness_answer('readiness_segment') }} || ' (before: '
                                    || {{ readiness_answer('previous_readiness_segment') }}
                                    || ')' end,
                            case when fit_tier != previous_fit_tier
                                then 'fit went from ' || previous_fit_tier || ' to '
                                    || fit_tier end,
                            case when lifecycle != previous_lifecycle
                                then 'the account went from '
                                    || replace(previous_lifecycle, '_', ' ') || ' to '
                                    || replace(lifecycle, '_', ' ') end,
                            case when ruleset_version != previous_ruleset_version
                                then 'our rules changed' end
                        ), ''
                    ), 'people there said something new'
                )
        end as reason
    from turns
    where is_account

)

select
    worded.account_id,
    coalesce(names.account_name, worded.account_id) as account_name,
    names.owner_name,
    worded.decision,
    worded.previous_decision,
    worded.is_return,
    worded.as_of_date as valid_from,
    nullif(worded.valid_to, {{ forever() }}) as valid_to,
    worded.rule_rank,
    worded.fit_tier,
    worded.readiness_segment,
    worded.blocking_dimension,
    worded.lifecycle,
    case
        when worded.is_return then 'came back from '
        when worded.previous_decision is null then ''
        else 'was '
    end || worded.reason as reason,
    worded.ruleset_version
from worded
left join names on worded.account_id = names.account_id
