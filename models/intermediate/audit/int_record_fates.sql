{{ config(materialized='view') }}

{%- set place = ['version_at', 'known_date', 'file_path', 'file_row'] -%}
{%- set without_account = ["'deal without an account'", "'deal of an unknown account'"] -%}

-- Records of CRMs and marketing systems, and what hangs on them: why each delivered row does not
-- count on the last day, null if it does.
with known_ids as (

    select * from {{ ref('int_known_ids') }}

),

known_accounts as (

    select * from known_ids
    where id_type = 'account'

),

known_people as (

    select * from known_ids
    where id_type = 'person'

),

known_domains as (

    select * from known_ids
    where id_type = 'domain'

),

known_deals as (

    select * from known_ids
    where id_type = 'deal'

),

excluded_domains as (

    select distinct domain from {{ ref('int_excluded_domains') }}

),

removals as (

    select
        record_kind, source_system, record_id,
        max_by(is_deleted, changed_on) as is_deleted,
        max(changed_on) as changed_on
    from {{ ref('int_record_removals') }}
    where is_day_end and changed_on <= {{ end_date() }}
    group by record_kind, source_system, record_id

),

accounts as (

    select *, {{ is_newest(['source_system', 'crm_account_id']) }} as is_newest
    from (
        {{ rows_of_sources('accounts', ['source_system', 'crm_account_id'] + place) }}
    ) as delivered

),

people as (

    select *, {{ is_newest(['source_system', 'record_kind', 'record_id']) }} as is_newest
    from (
        {{ rows_of_sources('people', [
            'source_system', 'record_kind', 'record_id', 'crm_account_id', 'email_domain',
            'created_date'
        ] + place) }}
    ) as delivered

),

opportunities as (

    select *, {{ is_newest(['source_system', 'crm_opportunity_id']) }} as is_newest
    from (
        {{ rows_of_sources('opportunities', [
            'source_system', 'source_instance', 'crm_opportunity_id', 'crm_account_id',
            'opportunity_name', 'amount', 'currency_code', 'merged_opportunity_ids', 'is_deleted'
        ] + place) }}
    ) as delivered

),

associations as (

    select
        *,
        {{ is_newest(['crm_opportunity_id', 'crm_account_id', 'association_type']) }} as is_newest
    from (
        {{ rows_of_sources('opportunity_accounts', [
            'crm_opportunity_id', 'crm_account_id', 'association_type', 'is_deleted'
        ] + place) }}
    ) as delivered

),

deal_merges as (

    select
        *,
        {{ is_newest(['crm_opportunity_id', 'merged_opportunity_ids']) }} as is_newest
    from (
        {{ rows_of_sources('opportunity_merges', [
            'source_instance', 'crm_opportunity_id', 'merged_opportunity_ids'
        ] + place) }}
    ) as delivered

),

merged_ids as (

    select source_instance, crm_opportunity_id, merged_opportunity_ids as ids
    from opportunities
    where merged_opportunity_ids is not null and known_date <= {{ end_date() }}
    union all
    select source_instance, crm_opportunity_id, merged_opportunity_ids
    from deal_merges
    where known_date <= {{ end_date() }}

),

listed_merges as (

    {{ listed_ids('merged_ids') }}

),

merged_deals as (

    select distinct
        {{ record_id('listed_id', 'source_instance') }} as merged_id
    from listed_merges
    where listed_id != crm_opportunity_id

),

exclusions as (

    select * from {{ ref('record_exclusions') }}
    where record_kind = 'opportunity'

),

currency_rates as (

    select * from {{ ref('int_currency_rates') }}
    where {{ on_last_day() }}

),

deals as (

    select
        opportunities.file_path,
        opportunities.file_row,
        opportunities.crm_opportunity_id,
        opportunities.is_newest,
        opportunities.amount * currency_rates.usd_per_unit as amount_usd,
        case
            {{ reasons_of_versions('opportunities.') }}
            when
                known_deals.account_id is not null
                or known_deals.reason in ({{ without_account | join(', ') }})
                then known_deals.reason
            when known_deals.id is not null then 'account left out'
            when
                opportunities.is_deleted
                or (removals.is_deleted and removals.changed_on >= opportunities.known_date)
                or merged_deals.merged_id is not null
                then 'record merged or deleted'
            when exists (
                select 1 from exclusions
                where lower(opportunities.opportunity_name) like exclusions.pattern
            ) then 'excluded by a rule'
            else 'no reason found'
        end as reason
    from opportunities
    left join known_deals on opportunities.crm_opportunity_id = known_deals.id
    left join merged_deals on opportunities.crm_opportunity_id = merged_deals.merged_id
    left join removals
        on
            removals.record_kind = 'opportunity'
            and opportunities.source_system = removals.source_system
            and opportunities.crm_opportunity_id = removals.record_id
    left join currency_rates
        on
            upper(coalesce(opportunities.currency_code, '{{ var("default_currency") }}'))
            = currency_rates.currency_code

),

-- What hangs on a deal has its fate, unless nobody delivered the deal.
deal_fates as (

    select
        crm_opportunity_id,
        case
            when reason not in ('stage unmapped', {{ without_account | join(', ') }})
                then 'deal left out'
        end as reason
    from deals
    where is_newest

),

stage_rows as (

    select *, {{ is_newest(['stage_id']) }} as is_newest
    from (
        {{ rows_of_sources('stages', [
            'stage_id', 'stage_name', 'is_closed'
        ] + place) }}
    ) as delivered

),

stages as (

    select stage_id, stage_name, is_closed from stage_rows
    where is_newest

),

mapped_stages as (

    select distinct lower(stage_name) as stage_name from {{ ref('opportunity_stages') }}

),

stage_changes as (

    {{ rows_of_sources('stage_changes', [
        'crm_opportunity_id', 'stage_name', 'stage_id', 'previous_stage_name', 'amount',
        'close_date'
    ] + place) }}

),

opportunity_roles as (

    select *, {{ is_newest(['crm_opportunity_contact_role_id']) }} as is_newest
    from (
        {{ rows_of_sources('opportunity_roles', [
            'crm_opportunity_contact_role_id', 'record_id', 'is_deleted'
        ] + place) }}
    ) as delivered

),

-- What marketing systems tell of their people: opt-outs, bounces, deletions and merges.
told as (

    select record_id, outcome is null as is_other, {{ place | join(', ') }}
    from (
        {{ rows_of_sources('outcomes', ['record_id', 'outcome'] + place) }}
    ) as delivered

    {% for source in sources_of('merges') if source.is_on %}
    union all

    select record_id, false, {{ place | join(', ') }}
    from {{ ref(source.model) }}
    {% endfor %}

),

-- Our own people, teams, kinds of records and campaigns: looked up by their id, whoever names it.
looked_up as (

    {% for kind, key in {
        'owners': 'owner_id', 'roles': 'role_id', 'owner_roles': "owner_id || ' ' || role_id",
        'campaigns': 'crm_campaign_id', 'record_types': 'record_type_id'
    }.items() %}
    {%- for source in sources_of(kind) if source.is_on %}
    select '{{ source.model }}' as model, {{ key }} as id, {{ place | join(', ') }}
    from {{ ref(source.model) }}
    union all
    {% endfor %}
    {%- endfor %}
    select null, null, null, null, null, null
    where 1 = 0

),

looked_up_rows as (

    select *, {{ is_newest(['model', 'id']) }} as is_newest
    from looked_up

)

select
    accounts.file_path,
    accounts.file_row,
    case
        {{ reasons_of_versions('accounts.') }}
        when known_accounts.reason is not null then known_accounts.reason
        when known_accounts.account_id is null then 'no reason found'
    end as reason,
    cast(null as double) as amount_usd
from accounts
left join known_accounts on accounts.crm_account_id = known_accounts.id

union all

select
    people.file_path,
    people.file_row,
    case
        {{ reasons_of_versions('people.') }}
        when known_people.reason is not null then known_people.reason
        when known_people.account_id is not null then null
        when people.created_date > {{ end_date() }} then 'not yet known'
        when known_people.id is null then 'no reason found'
        when
            people.crm_account_id is null
            and (people.email_domain is null or excluded_domains.domain is not null)
            then 'no account'
        when known_accounts.account_id is not null then 'no reason found'
        when known_accounts.id is not null then 'account left out'
        when known_domains.id is not null then 'no reason found'
        else 'account unknown'
    end,
    cast(null as double)
from people
left join known_people on people.record_id = known_people.id
left join known_accounts on people.crm_account_id = known_accounts.id
left join known_domains on people.email_domain = known_domains.id
left join excluded_domains on people.email_domain = excluded_domains.domain

union all

select file_path, file_row, reason, amount_usd from deals

union all

select
    stage_changes.file_path,
    stage_changes.file_row,
    case
        when stage_changes.known_date > {{ end_date() }} then 'not yet known'
        when
            stage_changes.stage_name is null and stage_changes.stage_id is null
            and stage_changes.previous_stage_name is null
            and stage_changes.amount is null and stage_changes.close_date is null
            then 'has nothing in it that we use'
        when deal_fates.crm_opportunity_id is null then 'deal unknown'
        when deal_fates.reason is not null then deal_fates.reason
        when
            coalesce(stage_changes.stage_name, stage_changes.stage_id) is not null
            and mapped_stages.stage_name is null and not coalesce(stages.is_closed, false)
            then 'stage unmapped'
    end,
    cast(null as double)
from stage_changes
left join deal_fates on stage_changes.crm_opportunity_id = deal_fates.crm_opportunity_id
left join stages on stage_changes.stage_id = stages.stage_id
left join mapped_stages
    on
        lower(coalesce(stage_changes.stage_name, stages.stage_name, stage_changes.stage_id))
        = mapped_stages.stage_name

union all

select
    associations.file_path,
    associations.file_row,
    case
        {{ reasons_of_versions('associations.') }}
        when associations.is_deleted then 'record merged or deleted'
        when deal_fates.crm_opportunity_id is null then 'deal unknown'
        when deal_fates.reason is not null then deal_fates.reason
        when known_accounts.id is null then 'account unknown'
        when known_accounts.account_id is null then 'account left out'
    end,
    cast(null as double)
from associations
left join deal_fates on associations.crm_opportunity_id = deal_fates.crm_opportunity_id
left join known_accounts on associations.crm_account_id = known_accounts.id

union all

select
    deal_merges.file_path,
    deal_merges.file_row,
    case
        {{ reasons_of_versions('deal_merges.') }}
        when deal_fates.crm_opportunity_id is null then 'deal unknown'
        else deal_fates.reason
    end,
    cast(null as double)
from deal_merges
left join deal_fates on deal_merges.crm_opportunity_id = deal_fates.crm_opportunity_id

union all

select
    stage_rows.file_path,
    stage_rows.file_row,
    case
        {{ reasons_of_versions('stage_rows.') }}
        when mapped_stages.stage_name is null and not coalesce(stage_rows.is_closed, false)
            then 'stage unmapped'
    end,
    cast(null as double)
from stage_rows
left join mapped_stages
    on lower(coalesce(stage_rows.stage_name, stage_rows.stage_id)) = mapped_stages.stage_name

union all

select
    opportunity_roles.file_path,
    opportunity_roles.file_row,
    case
        {{ reasons_of_versions('opportunity_roles.') }}
        when opportunity_roles.is_deleted then 'record merged or deleted'
        when known_people.id is null then 'person unknown'
        when known_people.reason is not null then known_people.reason
        when known_people.account_id is null then 'account unknown'
    end,
    cast(null as double)
from opportunity_roles
left join known_people on opportunity_roles.record_id = known_people.id

union all

select
    told.file_path,
    told.file_row,
    case
        when told.known_date > {{ end_date() }} then 'not yet known'
        when told.is_other then 'has nothing in it that we use'
        when known_people.id is null then 'person unknown'
    end,
    cast(null as double)
from told
left join known_people on told.record_id = known_people.id

union all

select
    file_path, file_row,
    case {{ reasons_of_versions() }} end,
    cast(null as double)
from looked_up_rows
