{#- A run replaces the days it computes and leaves the days before as they were. No run can make
    those anew, so it stands apart from what each run makes (schema intermediate). -#}
{{ config(
    materialized='incremental', incremental_strategy='append', schema='history',
    on_schema_change='append_new_columns',
    pre_hook="{% if is_incremental() %}
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
        from {{ this }}
        where as_of_date < {{ start_date() }}
    ) as stored
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

)

select
    account_id,
    as_of_date,
    true as is_account,
    {{ facts | join(',\n    ') }},
    {{ ruleset_version() }} as ruleset_version
from changed

union all

-- The first day on which it is an account no more.
select
    account_id,
    as_of_date,
    false,
    {%- for fact in facts %}
    null,
    {%- endfor %}
    {{ ruleset_version() }}
from left_on
