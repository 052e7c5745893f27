with opportunities as (

    select
        *,
        row_number() over (partition by crm_opportunity_id order by version_at) as version_order
    from {{ ref('int_crm_opportunities') }}

),

stage_changes as (

    select * from {{ ref('int_crm_stage_changes') }}

),

merge_rows as (

    {{ rows_of_sources('opportunity_merges', [
        'crm_opportunity_id', 'source_instance', 'merged_opportunity_ids', 'is_first_load',
        'known_date'
    ]) }}

),

-- CRMs that keep stages as records of their own say there what a stage is called and whether it is
-- the end.
stage_rows as (

    {{ rows_of_sources('stages', [
        'stage_id', 'stage_name', 'is_closed', 'is_won', 'version_at', 'is_first_load', 'known_date'
    ]) }}

),

stage_versions as (

    select
        stage_id, stage_name, is_closed, is_won, version_at,
        {{ backfilled_from(ever_since()) }} as valid_from
    from stage_rows

),

stage_records as (

    {{ versions_in_force('stage_versions', 'stage_id') }}

),

stages as (

    select * from {{ ref('opportunity_stages') }}

),

removals as (

    select * from {{ ref('int_record_removals') }}
    where record_kind = 'opportunity' and is_day_end

),

first_versions as (

    select * from opportunities
    where version_order = 1

),

-- A deal merged into another is what the other is: its own record may never be marked as gone.
merged_ids as (

    select
        source_instance, merged_opportunity_ids as ids, crm_opportunity_id,
        {{ backfilled_from('least(created_date, known_date)', 'version_order = 1') }}
            as merged_on
    from opportunities
    where merged_opportunity_ids is not null

    union all

    -- What it was merged into may come later than the word of it.
    select
        merge_rows.source_instance,
        merge_rows.merged_opportunity_ids,
        merge_rows.crm_opportunity_id,
        greatest(merge_rows.known_date, first_versions.known_date)
    from merge_rows
    inner join first_versions
        on merge_rows.crm_opportunity_id = first_versions.crm_opportunity_id

),

listed_merges as (

    {{ listed_ids('merged_ids') }}

),

named_merges as (

    select
        {{ record_id('listed_id', 'source_instance') }} as merged_id,
        crm_opportunity_id,
        merged_on
    from listed_merges

),

merges as (

    select merged_id, min(merged_on) as merged_on
    from named_merges
    where merged_id != crm_opportunity_id
    group by merged_id

),

first_changes as (

    select crm_opportunity_id, min_by(previous_stage_name, version_at) as first_stage_name
    from stage_changes
    where previous_stage_name is not null
    group by crm_opportunity_id

),

with_history as (

    select distinct crm_opportunity_id from stage_changes
    where stage_name is not null or stage_id is not null

),

-- What is known of an opportunity's outcome: the stage it was seen in, when, and since when we
-- know.
observations as (

    select
        crm_opportunity_id,
        version_at,
        known_date as valid_from,
        stage_name,
        stage_id,
        case when is_closed then case when is_won then 'won' else 'lost' end end as seen_outcome,
        close_date,
        amount,
        is_deleted,
        false as is_inferred
    from opportunities

    union all

    select
        crm_opportunity_id, version_at, known_date, stage_name, stage_id, null, close_date, amount,
        null, false
    from stage_changes

    union all

    select
        removals.record_id, cast(removals.changed_on as timestamp), removals.changed_on, null, null,
        null, null, null, removals.is_deleted, false
    from removals
    inner join first_versions
        on
            removals.record_id = first_versions.crm_opportunity_id
            and removals.source_system = first_versions.source_system

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
        null,
        null,
        false,
        first_changes.first_stage_name is null
    from first_versions
    left join first_changes on first_versions.crm_opportunity_id = first_changes.crm_opportunity_id
    where {{ is_backfilled('first_versions.') }}
        and first_versions.created_date < first_versions.known_date

    union all

    -- Without any history a closed opportunity is taken to have closed on its close date.
    select
        first_versions.crm_opportunity_id,
        cast(first_versions.close_date as timestamp),
        first_versions.close_date,
        first_versions.stage_name,
        first_versions.stage_id,
        case
            when first_versions.is_closed and first_versions.is_won then 'won'
            when first_versions.is_closed then 'lost'
        end,
        first_versions.close_date,
        null,
        false,
        true
    from first_versions
    left join with_history on first_versions.crm_opportunity_id = with_history.crm_opportunity_id
    left join stage_records
        on
            first_versions.stage_id = stage_records.stage_id
            and first_versions.known_date >= stage_records.valid_from
            and first_versions.known_date < stage_records.valid_to
    where {{ is_backfilled('first_versions.') }}
        and (first_versions.is_closed or coalesce(stage_records.is_closed, false))
        and with_history.crm_opportunity_id is null
        and first_versions.close_date > first_versions.created_date
        and first_versions.close_date < first_versions.known_date

),

-- A CRM writes the record and both its histories in the same second: together they are one
-- observation. Apart, which of them stood would be chance, and with it the close date.
moments as (

    select
        observations.crm_opportunity_id,
        observations.version_at,
        observations.valid_from,
        max(coalesce(observations.stage_name, stage_records.stage_name, observations.stage_id))
            as stage_name,
        max(coalesce(observations.seen_outcome, case
            when stage_records.is_won then 'won'
            when stage_records.is_closed then 'lost'
        end)) as seen_outcome,
        max(observations.close_date) as close_date,
        max(observations.amount) as amount,
        max(observations.is_deleted) as is_deleted,
        min(observations.is_inferred) as is_inferred
    from observations
    left join stage_records
        on
            observations.stage_id = stage_records.stage_id
            and observations.valid_from >= stage_records.valid_from
            and observations.valid_from < stage_records.valid_to
    group by observations.crm_opportunity_id, observations.version_at, observations.valid_from

),

in_force as (

    {{ versions_in_force('moments', 'crm_opportunity_id') }}

),

-- What an observation does not say is as it was before. A stage that was seen to be the end stays
-- so until another stage is seen.
carried as (

    select
        in_force.*,
        last_value(close_date ignore nulls) over opportunity as close_date_known,
        last_value(amount ignore nulls) over opportunity as amount_known,
        coalesce(last_value(is_deleted ignore nulls) over opportunity, false) as is_deleted_known,
        sum(case when stage_name is not null then 1 else 0 end) over opportunity as stage_number
    from in_force
    window opportunity as (
        partition by crm_opportunity_id order by valid_from
        rows between unbounded preceding and current row
    )

),

staged as (

    select
        crm_opportunity_id,
        valid_from,
        valid_to,
        max(stage_name) over stage_so_far as stage_name,
        max(seen_outcome) over stage_so_far as seen_outcome,
        close_date_known as close_date,
        amount_known as amount,
        is_deleted_known as is_deleted,
        is_inferred
    from carried
    window stage_so_far as (
        partition by crm_opportunity_id, stage_number order by valid_from
        rows between unbounded preceding and current row
    )

),

outcomes as (

    select
        staged.*,
        coalesce(staged.seen_outcome, stages.outcome, 'open') as outcome,
        coalesce(stages.is_committed, false) as is_committed,
        stages.stage_name is not null as is_mapped,
        stages.stage_rank,
        (staged.stage_name is distinct from lag(staged.stage_name) over opportunity)
            as is_stage_change
    from staged
    left join stages on lower(staged.stage_name) = lower(stages.stage_name)
    window opportunity as (partition by staged.crm_opportunity_id order by staged.valid_from)

),

stage_spans as (

    select
        outcomes.*,
        max(case when outcomes.is_stage_change then outcomes.valid_from end) over (
            partition by outcomes.crm_opportunity_id order by outcomes.valid_from
            rows between unbounded preceding and current row
        ) as stage_changed_date,
        merges.merged_on
    from outcomes
    left join merges on outcomes.crm_opportunity_id = merges.merged_id

)

select
    crm_opportunity_id,
    valid_from,
    least(valid_to, coalesce(merged_on, valid_to)) as valid_to,
    stage_name,
    outcome,
    is_committed and outcome = 'open' as is_committed,
    is_mapped,
    stage_rank,
    stage_changed_date,
    close_date,
    amount,
    is_inferred
from stage_spans
where not is_deleted and (merged_on is null or valid_from < merged_on)
