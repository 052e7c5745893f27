{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns',
    pre_hook="{% if is_incremental() %}
        delete from {{ this }} where mapping_version is distinct from (
            {{ rollup_mapping(ref('page_types'), ref('crm_activity_types')) }}
        )
    {% endif %}"
) }}

with page_types as (

    select * from {{ ref('page_types') }}

),

crm_activity_types as (

    select * from {{ ref('crm_activity_types') }}

),

new_pages as (

    select * from {{ ref('stg_segment__pages') }}
    -- The first delivered version of an act stands: a page sent again is no second visit.
    where version_number = 1
    {%- if is_incremental() %}
        and load_id > (select coalesce(max(load_id), 0) from {{ this }})  -- noqa: RF02
    {%- endif %}

),

page_paths as (

    select
        paths.page_path,
        page_types.activity_type,
        row_number() over (partition by paths.page_path order by page_types.rule_rank) as rule_order
    from (select distinct page_path from new_pages) as paths
    inner join page_types on paths.page_path like page_types.path_pattern

),

pages as (

    select
        new_pages.known_date,
        new_pages.occurred_date,
        'visitor' as identity_type,
        new_pages.anonymous_id as identity,
        coalesce(new_pages.ip, '') as fallback_identity,
        page_paths.activity_type,
        'segment.pages' as feed,
        new_pages.load_id,
        1 as quantity
    from new_pages
    inner join page_paths
        on new_pages.page_path = page_paths.page_path and page_paths.rule_order = 1

),

-- A campaign's type is what its first version said, once that was known.
campaigns as (

    select
        crm_campaign_id,
        campaign_type,
        case
            when is_first_load and {{ var('backfill_first_load') }} then created_date
            else known_date
        end
            as known_from
    from (
        select
            stg_campaigns.*,
            row_number()
                over (partition by crm_campaign_id order by load_id, version_at)
                as version_order
        from {{ ref('stg_salesforce__campaigns') }} as stg_campaigns
    ) as first_versions
    where version_order = 1

),

crm_versions as (

    select
        'task' as source_table, crm_activity_id as act_id, version_at, created_date, known_date,
        is_first_load, load_id, person_crm_id, crm_account_id, activity_kind, activity_subkind,
        disposition, activity_date as occurred_date,
        not is_deleted and status = 'completed' as is_done
    from {{ ref('stg_salesforce__tasks') }}

    union all

    select
        'event', crm_activity_id, version_at, created_date, known_date, is_first_load, load_id,
        person_crm_id, crm_account_id, activity_kind, activity_subkind, disposition,
        activity_date, not is_deleted
    from {{ ref('stg_salesforce__events') }}

    union all

    select
        'campaign_member', members.crm_campaign_member_id, members.version_at, members.created_date,
        members.known_date, members.is_first_load, members.load_id,
        coalesce(members.crm_contact_id, members.crm_lead_id),
        null,
        campaigns.campaign_type,
        null,
        null,
        coalesce(members.first_responded_date, {{ to_day('members.version_at') }}),
        members.has_responded
    from {{ ref('stg_salesforce__campaign_members') }} as members
    left join campaigns
        on
            members.crm_campaign_id = campaigns.crm_campaign_id
            and members.known_date >= campaigns.known_from

),

-- A later version of a CRM activity takes back what the one before it stood for: a task completed,
-- moved to another contact or deleted changes the counts from the day that became known.
touched as (

    select crm_versions.*
    from crm_versions
    {%- if is_incremental() %}
    where exists (
        select 1 from crm_versions as new_versions
        where new_versions.source_table = crm_versions.source_table
            and new_versions.act_id = crm_versions.act_id
            and new_versions.load_id
            > (select coalesce(max(load_id), 0) from {{ this }})  -- noqa: RF02
    )
    {%- endif %}

),

arrivals as (

    select
        touched.*,
        row_number() over (partition by source_table, act_id order by version_at) as version_order,
        max(version_at) over (
            partition by source_table, act_id order by load_id, known_date, version_at
            rows between unbounded preceding and current row
        ) as newest_version_at
    from touched

),

changes as (

    select
        arrivals.*,
        -- In the first load an act was known when the CRM recorded it, whenever it was edited
        -- since.
        case
            when
                is_first_load and version_order = 1 and {{ var('backfill_first_load') }}
                then created_date
            else known_date
        end as change_date,
        lead(known_date) over act as next_known_date,
        lead(load_id) over act as next_load_id
    from arrivals
    where version_at = newest_version_at
    window act as (
        partition by source_table, act_id order by load_id, known_date, version_at
    )

),

counted as (

    select
        source_table, person_crm_id, crm_account_id, activity_kind, activity_subkind, disposition,
        occurred_date, change_date, load_id, 1 as quantity
    from changes
    where is_done

    union all

    select
        source_table, person_crm_id, crm_account_id, activity_kind, activity_subkind, disposition,
        occurred_date, next_known_date, next_load_id, -1
    from changes
    where is_done and next_known_date is not null

),

kinds as (

    select
        kinds.source_table,
        kinds.activity_kind,
        kinds.activity_subkind,
        kinds.disposition,
        crm_activity_types.activity_type,
        row_number() over (
            partition by
                kinds.source_table, kinds.activity_kind, kinds.activity_subkind, kinds.disposition
            order by crm_activity_types.rule_rank
        ) as rule_order
    from (
        select distinct source_table, activity_kind, activity_subkind, disposition
        from counted
    ) as kinds
    inner join crm_activity_types
        on
            kinds.source_table = crm_activity_types.source_table
            and coalesce(kinds.activity_kind, '') like coalesce(crm_activity_types.kind_pattern, '')
            and coalesce(kinds.activity_subkind, '') like coalesce(
                crm_activity_types.subkind_pattern, ''
            )
            and coalesce(kinds.disposition, '') like coalesce(
                crm_activity_types.disposition_pattern, ''
            )

),

crm_activities as (

    select
        -- An act planned ahead counts when it has occurred.
        greatest(counted.change_date, counted.occurred_date) as known_date,
        counted.occurred_date,
        case when counted.person_crm_id is null then 'crm_account' else 'person_record' end
            as identity_type,
        coalesce(counted.person_crm_id, counted.crm_account_id) as identity,
        case
            when counted.person_crm_id is null then '' else coalesce(counted.crm_account_id, '')
        end
            as fallback_identity,
        kinds.activity_type,
        'salesforce.' || counted.source_table as feed,
        counted.load_id,
        counted.quantity
    from counted
    inner join kinds
        on
            counted.source_table = kinds.source_table
            and counted.activity_kind is not distinct from kinds.activity_kind
            and counted.activity_subkind is not distinct from kinds.activity_subkind
            and counted.disposition is not distinct from kinds.disposition
            and kinds.rule_order = 1
    where coalesce(counted.person_crm_id, counted.crm_account_id) is not null

),

activities as (

    select * from pages
    union all
    select * from crm_activities

),

rolled_up as (

    select
        known_date,
        occurred_date,
        identity_type,
        identity,
        fallback_identity,
        activity_type,
        feed,
        load_id,
        cast(sum(quantity) as bigint) as quantity
    from activities
    {%- if is_incremental() %}
    where load_id > (select coalesce(max(load_id), 0) from {{ this }})  -- noqa: RF02
    {%- endif %}
    group by
        known_date, occurred_date, identity_type, identity, fallback_identity, activity_type, feed,
        load_id
    having sum(quantity) != 0

),

mapping as (

    {{ rollup_mapping('page_types', 'crm_activity_types') }}

)

select
    rolled_up.*,
    mapping.mapping_version
from rolled_up
cross join mapping
