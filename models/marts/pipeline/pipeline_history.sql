{#- A run replaces the days that it computes and leaves the days before as they were: what was
    published of a day stays, whatever is mapped, priced or delivered later. -#}
{{ config(
    materialized='incremental', incremental_strategy='delete+insert',
    unique_key=['crm_opportunity_id', 'valid_from'],
    pre_hook="{% if is_incremental() %}
        delete from {{ this }} where valid_from >= {{ start_date() }}
    {% endif %}"
) }}
{%- set judged = ['state', 'decision', 'readiness_segment', 'fit_tier', 'lifecycle'] -%}
{%- set profiled = ['industry', 'region', 'owner_id', 'employee_band'] -%}
{#- As int_deal_spans has them. -#}
{%- set as_they_are = [
    'source_system', 'account_id', 'opportunity_type', 'is_renewal', 'stage_name', 'stage_rank',
    'is_mapped', 'is_committed', 'is_inferred', 'outcome', 'close_date', 'currency_code', 'amount',
    'amount_usd', 'annual_amount_usd'
] -%}
{#- What is known of its way up to the row, and of its account. -#}
{%- set derived = [
    'deal_name', 'deal_owner_id', 'no_account_reason', 'no_amount_reason', 'created_on',
    'first_known_on', 'stage_since', 'outcome_since', 'closed_on', 'first_stage_rank',
    'highest_stage_rank', 'times_reopened', 'first_close_date', 'times_postponed',
    'days_postponed', 'is_target', 'target_tier', 'created_is_target', 'created_target_tier',
    'created_unknown_reason'
] -%}
{%- set facts = as_they_are + derived -%}
{%- for segment in judged + profiled %}
{%- do facts.append('created_' ~ segment) %}
{%- endfor %}

with deal_spans as (

    select * from {{ ref('int_deal_spans') }}
    where valid_from <= {{ end_date() }} and valid_from < valid_to

),

accounts as (

    select * from {{ ref('int_accounts') }}

),

targets as (

    select * from {{ ref('int_target_accounts') }}

),

profiles as (

    select * from {{ ref('int_account_profiles') }}

),

owners as (

    select * from {{ ref('int_owners') }}

),

decisions as (

    select
        *,
        coalesce(
            lead(as_of_date) over (partition by account_id order by as_of_date), {{ forever() }}
        ) as next_as_of_date
    from {{ ref('int_decision_changes') }}

),

-- Until a target list is known every account is a target.
first_days as (

    select
        (select coalesce(min(valid_from), {{ forever() }}) from targets) as listed_from,
        (select coalesce(min(as_of_date), {{ forever() }}) from decisions) as stored_from

),

ordered as (

    select
        *,
        first_value(valid_from) over of_deal as first_known_on,
        lag(outcome) over of_deal as previous_outcome,
        lag(close_date) over of_deal as previous_close_date,
        sum(case when close_date is not null then 1 else 0 end) over until_now as close_dates,
        sum(case when outcome = 'open' and stage_rank is not null then 1 else 0 end)
            over until_now as ranked_stages
    from deal_spans
    window
        of_deal as (partition by crm_opportunity_id order by valid_from),
        until_now as (
            partition by crm_opportunity_id order by valid_from
            rows between unbounded preceding and current row
        )

),

compared as (

    select
        *,
        case
            when outcome = 'open' and previous_outcome = 'open' and close_date > previous_close_date
                then {{ dbt.datediff('previous_close_date', 'close_date', 'day') }}
            else 0
        end as days_moved
    from ordered

),

-- Each row knows the rows before it and none after.
so_far as (

    select
        *,
        max(
            case when outcome is distinct from previous_outcome then valid_from end
        ) over until_now as outcome_since,
        max(case when outcome = 'open' then stage_rank end) over until_now as highest_stage_rank,
        max(case when outcome = 'open' and ranked_stages = 1 then stage_rank end)
            over until_now as first_stage_rank,
        sum(
            case when outcome = 'open' and previous_outcome != 'open' then 1 else 0 end
        ) over until_now as times_reopened,
        max(case when close_dates = 1 then close_date end) over until_now as first_close_date,
        sum(case when days_moved > 0 then 1 else 0 end) over until_now as times_postponed,
        sum(days_moved) over until_now as days_postponed
    from compared
    window until_now as (
        partition by crm_opportunity_id order by valid_from
        rows between unbounded preceding and current row
    )

),

-- Cut where its account begins or ends, and where it comes on or off the target list.
account_changes as (

    select account_id, valid_from as boundary from accounts
    union
    select account_id, valid_to from accounts
    union
    select account_id, valid_from from targets
    union
    select account_id, valid_to from targets
    union
    select accounts.account_id, first_days.listed_from
    from accounts
    cross join first_days

),

boundaries as (

    select crm_opportunity_id, valid_from as boundary from so_far

    union

    select so_far.crm_opportunity_id, account_changes.boundary
    from so_far
    inner join account_changes
        on
            so_far.account_id = account_changes.account_id
            and so_far.valid_from < account_changes.boundary
            and account_changes.boundary < so_far.valid_to
    where account_changes.boundary <= {{ end_date() }}

),

stretches as (

    select
        crm_opportunity_id,
        boundary,
        coalesce(
            lead(boundary) over (partition by crm_opportunity_id order by boundary), {{ forever() }}
        ) as next_boundary
    from boundaries

),

-- A record that is deleted, or that a rule leaves out, is no account; its deals are no pipeline.
described as (

    select
        so_far.crm_opportunity_id,
        {%- for column in as_they_are %}
        so_far.{{ column }},
        {%- endfor %}
        stretches.boundary as valid_from,
        least(stretches.next_boundary, so_far.valid_to) as valid_to,
        so_far.opportunity_name as deal_name,
        so_far.owner_id as deal_owner_id,
        case
            when so_far.account_id is not null then null
            when so_far.is_account_named then 'account unknown'
            else 'no account'
        end as no_account_reason,
        case
            when so_far.amount is null then 'no amount'
            when so_far.amount_usd is null then 'no rate for the currency'
        end as no_amount_reason,
        coalesce(so_far.created_date, so_far.first_known_on) as created_on,
        so_far.first_known_on,
        so_far.stage_changed_date as stage_since,
        so_far.outcome_since,
        -- The CRM's close date, unless it lies before the deal or after the day its end was known.
        case
            when so_far.outcome = 'open' then null
            when so_far.close_date between so_far.created_date and so_far.outcome_since
                then so_far.close_date
            else so_far.outcome_since
        end as closed_on,
        so_far.first_stage_rank,
        so_far.highest_stage_rank,
        cast(so_far.times_reopened as bigint) as times_reopened,
        so_far.first_close_date,
        cast(so_far.times_postponed as bigint) as times_postponed,
        cast(so_far.days_postponed as bigint) as days_postponed,
        accounts.account_id is not null and (
            targets.account_id is not null or stretches.boundary < first_days.listed_from
        ) as is_target,
        targets.target_tier
    from stretches
    inner join so_far
        on
            stretches.crm_opportunity_id = so_far.crm_opportunity_id
            and stretches.boundary >= so_far.valid_from
            and stretches.boundary < so_far.valid_to
    cross join first_days
    left join accounts
        on
            so_far.account_id = accounts.account_id
            and stretches.boundary >= accounts.valid_from
            and stretches.boundary < accounts.valid_to
    left join targets
        on
            so_far.account_id = targets.account_id
            and stretches.boundary >= targets.valid_from
            and stretches.boundary < targets.valid_to
    where so_far.account_id is null or accounts.account_id is not null

),

-- Its account as it was known on the day on which the deal was created. What nobody stored then is
-- unknown, and never what is known today.
computed as (

    select
        described.*,
        -- Before a list was known nobody had chosen anyone.
        case
            when described.created_on >= first_days.listed_from or described.account_id is null
                then targets.account_id is not null
        end as created_is_target,
        targets.target_tier as created_target_tier,
        {%- for segment in judged %}
        coalesce(decisions.{{ segment }}, 'unknown') as created_{{ segment }},
        {%- endfor %}
        {%- for segment in profiled %}
        coalesce(profiles.{{ segment }}, 'unknown') as created_{{ segment }},
        {%- endfor %}
        case
            when described.account_id is null then described.no_account_reason
            when decisions.account_id is not null then null
            when described.created_on < first_days.stored_from
                then 'created before the first stored day'
            else 'the account was not known when the deal was created'
        end as created_unknown_reason
    from described
    cross join first_days
    left join targets
        on
            described.account_id = targets.account_id
            and described.created_on >= targets.valid_from
            and described.created_on < targets.valid_to
    left join profiles
        on
            described.account_id = profiles.account_id
            and described.created_on >= profiles.valid_from
            and described.created_on < profiles.valid_to
    left join decisions
        on
            described.account_id = decisions.account_id
            and described.created_on >= decisions.as_of_date
            and described.created_on < decisions.next_as_of_date
            and decisions.is_account

),

-- The days of the run, and what was stored of the day before it.
known as (

    select
        computed.crm_opportunity_id,
        {% if is_incremental() %}
        greatest(computed.valid_from, {{ start_date() }}) as valid_from,
        {% else %}
        computed.valid_from,
        {% endif %}
        computed.valid_to,
        coalesce(profiles.account_name, profiles.primary_domain, computed.account_id)
            as account_name,
        coalesce(owners.owner_name, computed.deal_owner_id) as deal_owner_name,
        {%- for fact in facts %}
        computed.{{ fact }},
        {%- endfor %}
        {{ ruleset_version() }} as ruleset_version
    from computed
    left join profiles
        on
            computed.account_id = profiles.account_id
            and computed.valid_from >= profiles.valid_from
            and computed.valid_from < profiles.valid_to
    left join owners
        on
            computed.deal_owner_id = owners.owner_id
            and computed.valid_from >= owners.valid_from
            and computed.valid_from < owners.valid_to
    {% if is_incremental() %}
    where computed.valid_to > {{ start_date() }}

    union all

    select
        crm_opportunity_id,
        valid_from,
        {{ start_date() }} as valid_to,
        account_name,
        deal_owner_name,
        {%- for fact in facts %}
        {{ fact }},
        {%- endfor %}
        ruleset_version
    from {{ this }}
    where valid_from < {{ start_date() }}
        and coalesce(valid_to, {{ forever() }}) >= {{ start_date() }}
    {% endif %}
),

hashed as (

    select
        *,
        {{ row_hash(facts) }} as facts_hash
    from known

),

-- Neighbours that say the same are one row.
begun as (

    select
        *,
        case
            when
                valid_from = lag(valid_to) over of_deal
                and facts_hash = lag(facts_hash) over of_deal
                then 0
            else 1
        end as is_begin
    from hashed
    window of_deal as (partition by crm_opportunity_id order by valid_from)

),

numbered as (

    select
        *,
        sum(is_begin) over (
            partition by crm_opportunity_id order by valid_from
            rows between unbounded preceding and current row
        ) as row_in_deal
    from begun

),

ended as (

    select
        *,
        max(valid_to) over (partition by crm_opportunity_id, row_in_deal) as ends_on
    from numbered

)

select
    crm_opportunity_id,
    valid_from,
    case when ends_on <= {{ end_date() }} then ends_on end as valid_to,
    account_name,
    deal_owner_name,
    {%- for fact in facts %}
    {{ fact }},
    {%- endfor %}
    ruleset_version
from ended
where is_begin = 1
