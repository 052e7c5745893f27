{#- A run replaces the days it computes and leaves the days before as they were. No run can make
    those anew, so it stands apart from what each run makes (schema intermediate). -#}
{{ config(
    materialized='incremental', incremental_strategy='append', schema='history',
    pre_hook="{% if is_incremental() %}
        delete from {{ this }} where as_of_date >= {{ start_date() }}
    {% endif %}"
) }}
{%- set facts = [
    'decision', 'rule_rank', 'lifecycle', 'fit_tier', 'readiness_segment', 'blocking_dimension',
    'is_told_to_wait', 'is_revisit_due', 'revisit_on'
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

compared as (

    select
        *,
        coalesce(lead(as_of_date) over of_account, {{ forever() }}) as day_after,
        facts_hash = lag(facts_hash) over of_account
        and lag(as_of_date) over of_account = {{ add_days('as_of_date', -1) }} as is_same
    from hashed
    window of_account as (partition by account_id order by as_of_date)

)

select
    account_id,
    as_of_date,
    true as is_account,
    {{ facts | join(',\n    ') }},
    {{ ruleset_version() }} as ruleset_version
from compared
where not is_stored and not coalesce(is_same, false)

union all

-- The first day on which it is an account no more.
select
    account_id,
    {{ add_days('as_of_date', 1) }},
    false,
    {%- for fact in facts %}
    null,
    {%- endfor %}
    {{ ruleset_version() }}
from compared
where day_after != {{ add_days('as_of_date', 1) }} and as_of_date < {{ end_date() }}
