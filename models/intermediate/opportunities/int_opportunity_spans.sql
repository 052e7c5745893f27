with opportunities as (

    select
        *,
        row_number() over (partition by crm_opportunity_id order by version_at) as version_order
    from {{ ref('stg_salesforce__opportunities') }}

),

stage_history as (

    select * from {{ ref('stg_salesforce__opportunity_history') }}

),

field_history as (

    select * from {{ ref('stg_salesforce__opportunity_field_history') }}
    where lower(field_name) in ('stagename', 'stage_name')

),

stages as (

    select * from {{ ref('opportunity_stages') }}

),

renewal_types as (

    select * from {{ ref('renewal_types') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

first_versions as (

    select * from opportunities
    where version_order = 1

),

first_changes as (

    select crm_opportunity_id, min_by(old_value, version_at) as first_stage_name
    from field_history
    group by crm_opportunity_id

),

with_history as (

    select crm_opportunity_id from field_history
    union
    select crm_opportunity_id from stage_history

),

-- What is known of an opportunity's outcome: the stage it was seen in, when, and since when we
-- know.
observations as (

    select
        crm_opportunity_id,
        version_at,
        known_date as valid_from,
        stage_name,
        case when is_closed then case when is_won then 'won' else 'lost' end end as seen_outcome,
        close_date,
        is_deleted,
        false as is_inferred
    from opportunities

    union all

    select
        crm_opportunity_id, version_at, known_date, stage_name, null, close_date, false, false
    from stage_history

    union all

    select
        crm_opportunity_id, version_at, known_date, new_value, null, null, false, false
    from field_history

    union all

    -- In the first load an opportunity exists from its creation, in the stage its history began
    -- with.
    select
        first_versions.crm_opportunity_id,
        cast(first_versions.created_date as timestamp),
        first_versions.created_date,
        first_changes.first_stage_name,
        null,
        null,
        false,
        first_changes.first_stage_name is null
    from first_versions
    left join first_changes on first_versions.crm_opportunity_id = first_changes.crm_opportunity_id
    where first_versions.is_first_load and {{ var('backfill_first_load') }}
        and first_versions.created_date < first_versions.known_date

    union all

    -- Without any history a closed opportunity is taken to have closed on its close date.
    select
        first_versions.crm_opportunity_id,
        cast(first_versions.close_date as timestamp),
        first_versions.close_date,
        first_versions.stage_name,
        case when first_versions.is_won then 'won' else 'lost' end,
        first_versions.close_date,
        false,
        true
    from first_versions
    left join with_history on first_versions.crm_opportunity_id = with_history.crm_opportunity_id
    where first_versions.is_first_load and first_versions.is_closed
        and {{ var('backfill_first_load') }}
        and with_history.crm_opportunity_id is null
        and first_versions.close_date > first_versions.created_date
        and first_versions.close_date < first_versions.known_date

),

-- A CRM writes the record and both its histories in the same second: together they are one
-- observation. Apart, which of them stood would be chance, and with it the close date.
moments as (

    select
        crm_opportunity_id,
        version_at,
        valid_from,
        max(stage_name) as stage_name,
        max(seen_outcome) as seen_outcome,
        max(close_date) as close_date,
        max(is_deleted) as is_deleted,
        min(is_inferred) as is_inferred
    from observations
    group by crm_opportunity_id, version_at, valid_from

),

in_force as (

    {{ versions_in_force('moments', 'crm_opportunity_id') }}

),

outcomes as (

    select
        in_force.crm_opportunity_id,
        in_force.valid_from,
        in_force.valid_to,
        in_force.stage_name,
        coalesce(in_force.seen_outcome, stages.outcome, 'open') as outcome,
        coalesce(stages.is_committed, false) as is_committed,
        stages.stage_name is not null as is_mapped,
        in_force.is_deleted,
        in_force.is_inferred,
        last_value(in_force.close_date ignore nulls) over opportunity as close_date,
        (in_force.stage_name is distinct from lag(in_force.stage_name) over opportunity)
            as is_stage_change
    from in_force
    left join stages on lower(in_force.stage_name) = lower(stages.stage_name)
    window opportunity as (partition by in_force.crm_opportunity_id order by in_force.valid_from)

),

stage_spans as (

    select
        outcomes.*,
        max(case when is_stage_change then valid_from end) over (
            partition by crm_opportunity_id order by valid_from
            rows between unbounded preceding and current row
        ) as stage_changed_date
    from outcomes

),

-- Links (account, type, owner) hold from creation in the first load; the version in force
-- otherwise.
link_versions as (

    select
        crm_opportunity_id, version_at, crm_account_id, opportunity_type, owner_id, created_date,
        case
            when version_order = 1 and is_first_load and {{ var('backfill_first_load') }}
                then least(created_date, known_date)
            else known_date
        end as valid_from
    from opportunities

),

links_in_force as (

    {{ versions_in_force('link_versions', 'crm_opportunity_id') }}

)

select
    stage_spans.crm_opportunity_id,
    survivors.account_id,
    greatest(stage_spans.valid_from, links_in_force.valid_from, survivors.valid_from) as valid_from,
    least(stage_spans.valid_to, links_in_force.valid_to, survivors.valid_to) as valid_to,
    stage_spans.stage_name,
    stage_spans.outcome,
    stage_spans.is_committed and stage_spans.outcome = 'open' as is_committed,
    stage_spans.is_mapped,
    stage_spans.stage_changed_date,
    stage_spans.close_date,
    stage_spans.is_inferred,
    links_in_force.opportunity_type,
    exists(
        select 1 from renewal_types
        where lower(links_in_force.opportunity_type) like renewal_types.type_pattern
    ) as is_renewal
from stage_spans
inner join links_in_force
    on
        stage_spans.crm_opportunity_id = links_in_force.crm_opportunity_id
        and stage_spans.valid_from < links_in_force.valid_to
        and links_in_force.valid_from < stage_spans.valid_to
inner join survivors
    on
        links_in_force.crm_account_id = survivors.crm_account_id
        and stage_spans.valid_from < survivors.valid_to
        and survivors.valid_from < stage_spans.valid_to
where not stage_spans.is_deleted
    and greatest(stage_spans.valid_from, links_in_force.valid_from, survivors.valid_from)
    < least(stage_spans.valid_to, links_in_force.valid_to, survivors.valid_to)
