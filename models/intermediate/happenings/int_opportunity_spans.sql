with opportunities as (

    select
        *,
        row_number() over (partition by crm_opportunity_id order by version_at) as version_order
    from {{ ref('int_crm_opportunities') }}

),

stage_changes as (

    select * from {{ ref('int_crm_stage_changes') }}

),

opportunity_accounts as (

    {{ rows_of_sources('opportunity_accounts', [
        'crm_opportunity_id', 'crm_account_id', 'association_type', 'is_primary', 'is_deleted',
        'version_at', 'is_first_load', 'known_date'
    ]) }}

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

renewal_types as (

    select * from {{ ref('renewal_types') }}

),

exclusions as (

    select * from {{ ref('record_exclusions') }}
    where record_kind = 'opportunity'

),

removals as (

    select * from {{ ref('int_record_removals') }}
    where record_kind = 'opportunity' and is_day_end

),

currency_rates as (

    select * from {{ ref('int_currency_rates') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

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

),

-- Links (account, type, owner) hold from creation in the first load; the version in force
-- otherwise.
link_versions as (

    select
        crm_opportunity_id, version_at, opportunity_type, owner_id, currency_code, is_excluded,
        {{ backfilled_from('least(created_date, known_date)', 'version_order = 1') }}
            as valid_from
    from (
        select
            opportunities.*,
            exists(
                select 1 from exclusions
                where lower(opportunities.opportunity_name) like exclusions.pattern
            ) as is_excluded
        from opportunities
    ) as named

),

links_in_force as (

    {{ versions_in_force('link_versions', 'crm_opportunity_id') }}

),

account_versions as (

    select
        crm_opportunity_id, version_at, crm_account_id,
        {{ backfilled_from('least(created_date, known_date)', 'version_order = 1') }}
            as valid_from
    from opportunities

),

own_accounts as (

    {{ versions_in_force('account_versions', 'crm_opportunity_id') }}

),

associations as (

    select
        opportunity_accounts.crm_opportunity_id,
        opportunity_accounts.crm_account_id,
        opportunity_accounts.association_type,
        opportunity_accounts.is_primary,
        coalesce(opportunity_accounts.is_deleted, false) as is_deleted,
        opportunity_accounts.version_at,
        {{ backfilled_from(
            'least(first_versions.created_date, opportunity_accounts.known_date)',
            prefix='opportunity_accounts.'
        ) }} as valid_from
    from opportunity_accounts
    inner join first_versions
        on opportunity_accounts.crm_opportunity_id = first_versions.crm_opportunity_id

),

association_versions as (

    select
        associations.*,
        lead(is_deleted, 1, false) over association as is_ended,
        lead(valid_from) over association as next_valid_from
    from associations
    window association as (
        partition by crm_opportunity_id, crm_account_id, association_type
        order by version_at, valid_from
    )

),

-- An association holds until it is taken away. A deal has one primary company: who is named one later
-- takes the place of the one before.
associated_spans as (

    select
        association_versions.*,
        least(
            case when is_ended then next_valid_from else {{ forever() }} end,
            case
                when is_primary
                    then coalesce(
                        lead(valid_from) over (
                            partition by crm_opportunity_id, is_primary
                            order by version_at, crm_account_id
                        ), {{ forever() }}
                    )
                else {{ forever() }}
            end
        ) as valid_to
    from association_versions
    where not is_deleted

),

-- Where accounts come by a table of associations: the primary one, else the one associated first.
account_claims as (

    select
        crm_opportunity_id, crm_account_id, 1 as precedence, '' as tie_break, valid_from, valid_to
    from own_accounts
    where crm_account_id is not null

    union all

    select
        crm_opportunity_id,
        crm_account_id,
        case when is_primary then 2 else 3 end,
        cast(version_at as {{ dbt.type_string() }}),
        valid_from,
        valid_to
    from associated_spans
    where valid_from < valid_to

),

accounts_in_force as (

    {{ winning_claims(
        'account_claims', key=['crm_opportunity_id'], columns=['crm_account_id'],
        order_by='''account_claims.precedence, account_claims.tie_break,
            account_claims.crm_account_id'''
    ) }}

)

select
    stage_spans.crm_opportunity_id,
    survivors.account_id,
    greatest(
        stage_spans.valid_from, links_in_force.valid_from, accounts_in_force.valid_from,
        survivors.valid_from
    ) as valid_from,
    least(
        stage_spans.valid_to, links_in_force.valid_to, accounts_in_force.valid_to,
        survivors.valid_to, coalesce(stage_spans.merged_on, survivors.valid_to)
    ) as valid_to,
    stage_spans.stage_name,
    stage_spans.outcome,
    stage_spans.is_committed and stage_spans.outcome = 'open' as is_committed,
    stage_spans.is_mapped,
    stage_spans.stage_changed_date,
    stage_spans.close_date,
    stage_spans.is_inferred,
    links_in_force.opportunity_type,
    links_in_force.owner_id,
    upper(coalesce(links_in_force.currency_code, '{{ var("default_currency") }}'))
        as currency_code,
    stage_spans.amount,
    -- A year's value in dollars, at the rate of the day from which the row holds.
    round(
        stage_spans.amount * currency_rates.usd_per_unit
        * {{ 12 / var('amount_term_months') if var('amount_basis') == 'tcv' else 1 }}, 2
    ) as annual_amount_usd,
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
inner join accounts_in_force
    on
        stage_spans.crm_opportunity_id = accounts_in_force.crm_opportunity_id
        and greatest(stage_spans.valid_from, links_in_force.valid_from) < accounts_in_force.valid_to
        and accounts_in_force.valid_from < least(stage_spans.valid_to, links_in_force.valid_to)
inner join survivors
    on
        accounts_in_force.crm_account_id = survivors.crm_account_id
        and greatest(
            stage_spans.valid_from, links_in_force.valid_from, accounts_in_force.valid_from
        ) < survivors.valid_to
        and survivors.valid_from < least(
            stage_spans.valid_to, links_in_force.valid_to, accounts_in_force.valid_to
        )
left join currency_rates
    on
        upper(coalesce(links_in_force.currency_code, '{{ var("default_currency") }}'))
        = currency_rates.currency_code
        and stage_spans.valid_from >= currency_rates.valid_from
        and stage_spans.valid_from < currency_rates.valid_to
where not stage_spans.is_deleted and not links_in_force.is_excluded
    and (
        stage_spans.merged_on is null
        or greatest(
            stage_spans.valid_from, links_in_force.valid_from, accounts_in_force.valid_from,
            survivors.valid_from
        ) < stage_spans.merged_on
    )
