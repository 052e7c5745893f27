{#- A run replaces the days it computes and leaves the days before as they were. No run can make
    those anew, so it stands apart from what each run makes (schema intermediate). -#}
{{ config(
    materialized='incremental', incremental_strategy='append', schema='history',
    on_schema_change='append_new_columns',
    pre_hook="{% if is_incremental() %}
        {{ add_missing_columns({
            'rule_decision': 'varchar', 'state': 'varchar', 'driver': 'varchar',
            'has_committed_motion': 'boolean', 'has_timing_conflict': 'boolean'
        }) }}
        delete from {{ this }} where as_of_date >= {{ start_date() }}
    {% endif %}"
) }}
{%- set facts = [
    'decision', 'rule_rank', 'lifecycle', 'fit_tier', 'readiness_segment', 'blocking_dimension',
    'is_told_to_wait', 'is_revisit_due', 'revisit_on', 'state', 'driver', 'has_committed_motion',
    'has_timing_conflict'
] -%}


with decision_days as (

    select * from {{ ref('int_decision_days') }}

),

decision_rules as (

    select * from {{ ref('decision_rules') }}

),

{% if is_incremental() %}
-- What the rules said is kept beside the decision; rows from before that was so have one for both.
stored as (

    select
        account_id,
        as_of_date,
        is_account,
        {%- for fact in facts %}
        {{ 'coalesce(rule_decision, decision) as decision' if fact == 'decision' else fact }},
        {%- endfor %}
        ruleset_version
    from {{ this }}
    where as_of_date < {{ start_date() }}

),

{% endif %}
-- The days of the run, and what was stored of the day before it.
known_days as (

    select
        account_id,
        as_of_date,
        false as is_stored,
        {{ facts | join(', ') }}
    from decision_days
    {% if is_incremental() %}
    union all

    select
        account_id,
        {{ add_days(start_date(), -1) }} as as_of_date,
        true as is_stored,
        {{ facts | join(', ') }}
    from (
        select
            *,
            row_number() over (partition by account_id order by as_of_date desc) as recency
        from stored
    ) as last_stored
    where recency = 1 and is_account
    {% endif %}
),

hashed as (

    select
        *,
        {{ row_hash(facts) }} as facts_hash
    from known_days

),

-- Each day beside the one after it: of a million days a join is half the work of a window.
days_before as (

    select account_id, {{ add_days('as_of_date', 1) }} as as_of_date, facts_hash
    from hashed

),

changed as (

    select hashed.*
    from hashed
    left join days_before
        on
            hashed.account_id = days_before.account_id
            and hashed.as_of_date = days_before.as_of_date
    where not hashed.is_stored
        and hashed.facts_hash is distinct from days_before.facts_hash

),

left_on as (

    select days_before.account_id, days_before.as_of_date
    from days_before
    left join hashed
        on
            days_before.account_id = hashed.account_id
            and days_before.as_of_date = hashed.as_of_date
    where hashed.account_id is null and days_before.as_of_date <= {{ end_date() }}

),

-- What the rules say from which day on; the first day on which it is an account no more ends it.
said as (

    select
        account_id,
        as_of_date,
        true as is_account,
        {{ facts | join(',\n        ') }}
    from changed

    union all

    select
        account_id,
        as_of_date,
        false,
        {%- for fact in facts %}
        null{{ ',' if not loop.last }}
        {%- endfor %}
    from left_on
    {% if is_incremental() %}
    union all

    select
        account_id,
        as_of_date,
        is_account,
        {{ facts | join(',\n        ') }}
    from stored
    {% endif %}
),

compared as (

    select
        said.*,
        coalesce(decision_rules.is_at_once, false) as is_at_once,
        coalesce(lead(said.as_of_date) over of_account, {{ forever() }}) as next_on,
        not coalesce(lag(said.is_account) over of_account, false) as is_first,
        lag(said.decision) over of_account as previous_decision
    from said
    left join decision_rules on said.rule_rank = decision_rules.rule_rank
    window of_account as (partition by said.account_id order by said.as_of_date)

),

numbered as (

    select
        *,
        sum(
            case when is_first or decision is distinct from previous_decision then 1 else 0 end
        ) over (
            partition by account_id order by as_of_date
            rows between unbounded preceding and current row
        ) as run_number
    from compared

),

runs as (

    select
        account_id,
        run_number,
        decision,
        max(is_first) as is_first,
        min(as_of_date) as valid_from,
        max(next_on) as valid_to,
        min(case when is_at_once then as_of_date end) as at_once_on
    from numbered
    where is_account
    group by account_id, run_number, decision

),

-- A decision holds once the rules have said it for some days in a row.
waited as (

    select
        *,
        case
            when is_first then valid_from
            else
                least(
                    at_once_on,
                    {{ add_days('valid_from', var('days_before_decision_changes') - 1) }}
                )
        end as waited_on
    from runs

),

-- A hold names its own end, so that nothing waits once it is over.
begun as (

    select
        *,
        case
            when lag(decision = 'hold' and waited_on < valid_to) over of_account
                and not is_first
                then valid_from
            else waited_on
        end as holds_from
    from waited
    window of_account as (partition by account_id order by valid_from)

),

holding as (

    select
        account_id,
        decision,
        lag(decision) over (partition by account_id order by holds_from) as decision_before,
        holds_from,
        coalesce(
            lead(holds_from) over (partition by account_id order by holds_from), {{ forever() }}
        ) as holds_to
    from begun
    where holds_from < valid_to and holds_from <= {{ end_date() }}

),

days as (

    select account_id, as_of_date
    from said

    union

    select account_id, holds_from
    from holding
    where decision is distinct from decision_before

)

select
    days.account_id,
    days.as_of_date,
    numbered.is_account,
    case when numbered.is_account then holding.decision end as decision,
    numbered.decision as rule_decision,
    {{ facts[1:] | map('replace', '', '') | join(',\n    ') }},
    {{ ruleset_version() }} as ruleset_version
from days
inner join numbered
    on
        days.account_id = numbered.account_id
        and days.as_of_date >= numbered.as_of_date
        and days.as_of_date < numbered.next_on
left join holding
    on
        days.account_id = holding.account_id
        and days.as_of_date >= holding.holds_from
        and days.as_of_date < holding.holds_to
where days.as_of_date >= {{ start_date() }}
