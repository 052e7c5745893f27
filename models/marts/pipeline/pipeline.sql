{%- set day = end_date() -%}
{%- set judged = ['state', 'decision', 'readiness_segment', 'fit_tier', 'lifecycle'] -%}
{%- set profiled = ['industry', 'region', 'owner_id', 'employee_band'] -%}

with history as (

    select * from {{ ref('pipeline_history') }}

),

deals as (

    select * from history
    where valid_to is null

),

names as (

    select * from {{ ref('int_account_names') }}

),

owners as (

    select * from {{ ref('int_owners') }}
    where {{ on_last_day() }}

),

decisions as (

    select
        *,
        row_number() over (partition by account_id order by as_of_date desc) as recency
    from {{ ref('int_decision_changes') }}

),

deal_people as (

    select
        crm_opportunity_id,
        cast(sum(case when is_named then 1 else 0 end) as bigint) as named_people,
        cast(sum(case when is_engaged then 1 else 0 end) as bigint) as engaged_people,
        string_agg(distinct case when is_engaged then persona end, ', ' order by
            case when is_engaged then persona end) as engaged_personas
    from {{ ref('int_deal_people') }}
    group by crm_opportunity_id

),

people_on_file as (

    select account_id, count(*) as people
    from {{ ref('int_people') }}
    where {{ on_last_day() }} and is_present
    group by account_id

),

-- A stay in a stage begins with the change into it and ends with the next change of stage.
stays as (

    select
        history.crm_opportunity_id,
        lower(history.stage_name) as stage_key,
        history.stage_since,
        {{ dbt.datediff('min(history.valid_from)', 'max(history.valid_to)', 'day') }} as days
    from history
    inner join deals on history.crm_opportunity_id = deals.crm_opportunity_id
    where deals.outcome = 'won'
        and not deals.is_renewal
        and history.outcome = 'open'
        and not history.is_inferred
        and history.valid_to is not null
    group by history.crm_opportunity_id, lower(history.stage_name), history.stage_since

),

stage_norms as (

    select stage_key, median(days) as norm_days, count(distinct crm_opportunity_id) as norm_deals
    from stays
    group by stage_key

),

cycle_norm as (

    select
        case when count(*) >= {{ var('deal_value_min_deals') }} then median(
            {{ dbt.datediff('created_on', 'closed_on', 'day') }}
        ) end as norm_days
    from deals
    where outcome = 'won' and not is_renewal

)

select
    deals.crm_opportunity_id,
    deals.deal_name,
    {{ day }} as as_of_date,
    deals.source_system,
    deals.account_id,
    case when deals.account_id is not null then coalesce(names.account_name, deals.account_id) end
        as account_name,
    names.owner_name as account_owner_name,
    deals.no_account_reason,
    deals.deal_owner_id,
    coalesce(owners.owner_name, deals.deal_owner_id) as deal_owner_name,
    deals.opportunity_type,
    deals.is_renewal,
    deals.stage_name,
    deals.stage_rank,
    deals.is_mapped,
    deals.is_committed,
    deals.outcome,
    deals.created_on,
    deals.closed_on,
    deals.outcome_since,
    deals.times_reopened,
    {{ dbt.datediff('deals.created_on', 'coalesce(deals.closed_on, ' ~ day ~ ')', 'day') }}
        as age_days,
    case when deals.outcome = 'won'
        then {{ dbt.datediff('deals.created_on', 'deals.closed_on', 'day') }} end as cycle_days,
    cycle_norm.norm_days as cycle_norm_days,
    case when deals.outcome = 'open'
        then {{ dbt.datediff('deals.stage_since', day, 'day') }} end as days_in_stage,
    case when deals.outcome = 'open' and stage_norms.norm_deals >= {{ var('deal_value_min_deals') }}
        then stage_norms.norm_days end as stage_norm_days,
    case
        when deals.outcome != 'open'
            or stage_norms.norm_deals >= {{ var('deal_value_min_deals') }} then null
        else {{ counted(
            'coalesce(stage_norms.norm_deals, 0)', 'won deal has', 'won deals have'
        ) }} || ' a known time in this stage, {{ var("deal_value_min_deals") }} are needed'
    end as stage_norm_unknown_reason,
    deals.close_date,
    deals.first_close_date,
    deals.times_postponed,
    deals.days_postponed,
    coalesce(deals.outcome = 'open' and deals.close_date < {{ day }}, false) as is_overdue,
    case when deals.outcome = 'open' and deals.close_date < {{ day }}
        then {{ dbt.datediff('deals.close_date', day, 'day') }} end as days_overdue,
    deals.currency_code,
    deals.amount,
    deals.amount_usd,
    deals.annual_amount_usd,
    deals.no_amount_reason,
    -- Of a CRM that names nobody on any deal, nobody knows who has a part.
    case when deals.outcome = 'open'
        and max(deal_people.named_people) over (partition by deals.source_system) > 0
        then coalesce(deal_people.named_people, 0) end as named_people,
    -- Where nobody is on file nobody can be seen to be engaged.
    case
        when deals.outcome = 'open'
            and (people_on_file.people is not null or deal_people.named_people > 0)
            then coalesce(deal_people.engaged_people, 0)
    end as engaged_people,
    deal_people.engaged_personas,
    case
        when deals.outcome = 'open'
            and (people_on_file.people is not null or deal_people.named_people > 0)
            then coalesce(deal_people.engaged_people, 0) < 2
    end as is_single_threaded,
    case when deals.is_target then 'targets' else 'rest' end as account_group,
    deals.is_target,
    deals.target_tier,
    {%- for segment in judged %}
    coalesce(decisions.{{ segment }}, 'unknown') as {{ segment }},
    {%- endfor %}
    deals.created_is_target,
    deals.created_target_tier,
    {%- for segment in judged + profiled %}
    deals.created_{{ segment }},
    {%- endfor %}
    deals.created_unknown_reason
from deals
cross join cycle_norm
left join names on deals.account_id = names.account_id
left join owners on deals.deal_owner_id = owners.owner_id
left join decisions on deals.account_id = decisions.account_id and decisions.recency = 1
left join deal_people on deals.crm_opportunity_id = deal_people.crm_opportunity_id
left join people_on_file on deals.account_id = people_on_file.account_id
left join stage_norms on lower(deals.stage_name) = stage_norms.stage_key
