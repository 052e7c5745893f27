{#- A run replaces the days it computes and leaves the days before as they were. No run can make
    those anew, so it stands apart from what each run makes (schema intermediate). -#}
{{ config(
    materialized='incremental', incremental_strategy='append', schema='history',
    pre_hook="{% if is_incremental() %}
        {{ add_missing_columns({'is_held': 'boolean', 'may_have_risen': 'boolean'}) }}
        delete from {{ this }} where as_of_date >= {{ start_date() }}
    {% endif %}"
) }}
{%- set facts = [
    'state', 'is_activated', 'is_held', 'may_have_risen', 'fits_icp', 'is_fit_assumed',
    'has_signal', 'is_touched', 'signal_driver', 'has_coverage_driver', 'is_sole_blocker'
] + gap_segments().values() | list -%}

with target_days as (

    select * from {{ ref('int_account_gap_days') }}
    where is_target

),

states as (

    select * from {{ ref('int_account_states') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

-- The days of the run, and what was stored of the day before it. Eighteen facts of a million days
-- are compared as one number.
known_days as (

    select
        account_id,
        as_of_date,
        false as is_stored,
        {{ row_hash(facts) }} as facts_hash
    from target_days
    {% if is_incremental() %}
    union all

    select
        account_id,
        {{ add_days(start_date(), -1) }} as as_of_date,
        true as is_stored,
        {{ row_hash(facts) }} as facts_hash
    from (
        select
            *,
            row_number() over (partition by account_id order by as_of_date desc) as recency
        from {{ this }}
        where as_of_date < {{ start_date() }}
    ) as stored
    where recency = 1 and is_target
    {% endif %}
),

compared as (

    select
        account_id,
        as_of_date,
        is_stored,
        lag(as_of_date) over of_account as day_before,
        lead(as_of_date) over of_account as day_after,
        facts_hash != lag(facts_hash) over of_account as has_changed
    from known_days
    window of_account as (partition by account_id order by as_of_date)

),

turned as (

    select
        account_id,
        as_of_date,
        coalesce(day_before != {{ add_days('as_of_date', -1) }}, true) as is_turn
    from compared
    where not is_stored
        and (has_changed or coalesce(day_before != {{ add_days('as_of_date', -1) }}, true))

),

changes as (

    select
        turned.account_id,
        turned.as_of_date,
        true as is_target,
        turned.is_turn,
        {%- for fact in facts %}
        target_days.{{ fact }}{{ ',' if not loop.last }}
        {%- endfor %}
    from turned
    inner join target_days
        on
            turned.account_id = target_days.account_id
            and turned.as_of_date = target_days.as_of_date

    union all

    -- The first day on which it is a target no more. Its state tells whether it is an account.
    select
        compared.account_id,
        {{ add_days('compared.as_of_date', 1) }} as as_of_date,
        false as is_target,
        true as is_turn,
        {%- for fact in facts %}
        {%- if fact == 'state' %}
        states.state,
        {%- else %}
        null as {{ fact }}{{ ',' if not loop.last }}
        {%- endif %}
        {%- endfor %}
    from compared
    left join states
        on
            compared.account_id = states.account_id
            and {{ add_days('compared.as_of_date', 1) }} >= states.valid_from
            and {{ add_days('compared.as_of_date', 1) }} < states.valid_to
    where compared.as_of_date < {{ end_date() }}
        and coalesce(compared.day_after != {{ add_days('compared.as_of_date', 1) }}, true)

),

-- From one account to another: records that were merged, domains that changed their owner. A domain
-- that nobody owns is an account of its own.
records_moved as (

    select
        account_id as to_account_id,
        lag(account_id) over (partition by crm_account_id order by valid_from) as from_account_id,
        valid_from as moved_on
    from survivors

),

domain_spans as (

    select
        domain,
        account_id,
        valid_from,
        valid_to,
        lag(account_id) over of_domain as account_before,
        lag(valid_to) over of_domain as end_before,
        lead(valid_from) over of_domain as start_after
    from domain_owners
    window of_domain as (partition by domain order by valid_from)

),

moves as (

    select from_account_id, to_account_id, moved_on, 'merge' as cause, 0 as precedence
    from records_moved
    where from_account_id != to_account_id

    union all

    select
        case when end_before = valid_from then account_before else 'domain:' || domain end,
        account_id,
        valid_from,
        'identity',
        1
    from domain_spans
    where account_before is null or account_before != account_id or end_before != valid_from

    union all

    select account_id, 'domain:' || domain, valid_to, 'identity', 1
    from domain_spans
    where start_after is null or start_after != valid_to

),

-- Why a target is one or is none from a day on: the list, unless its record or its domain went to
-- the other account on that day. Who gains one has it from an account that is a target no more.
turns as (

    select
        lost.account_id,
        lost.as_of_date,
        moves.to_account_id as other_account_id,
        moves.cause,
        moves.precedence
    from changes as lost
    inner join moves
        on lost.account_id = moves.from_account_id and lost.as_of_date = moves.moved_on
    where not lost.is_target and moves.to_account_id != lost.account_id

    union all

    select
        gained.account_id,
        gained.as_of_date,
        moves.from_account_id,
        moves.cause,
        moves.precedence
    from changes as gained
    inner join moves
        on gained.account_id = moves.to_account_id and gained.as_of_date = moves.moved_on
    inner join changes as lost
        on
            moves.from_account_id = lost.account_id
            and moves.moved_on = lost.as_of_date
            and not lost.is_target
    where gained.is_target and gained.is_turn and moves.from_account_id != gained.account_id

),

first_turns as (

    select
        *,
        row_number() over (
            partition by account_id, as_of_date order by precedence, other_account_id
        ) as turn_order
    from turns

)

select
    changes.account_id,
    changes.as_of_date,
    changes.is_target,
    case when changes.is_turn then coalesce(first_turns.cause, 'list') end as target_cause,
    first_turns.other_account_id,
    {%- for fact in facts %}
    changes.{{ fact }},
    {%- endfor %}
    {{ ruleset_version() }} as ruleset_version
from changes
left join first_turns
    on
        changes.account_id = first_turns.account_id
        and changes.as_of_date = first_turns.as_of_date
        and first_turns.turn_order = 1
