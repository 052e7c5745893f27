{{ config(materialized='view') }}

{%- set place = ['version_at', 'known_date', 'file_path', 'file_row'] -%}

-- Lists, registers, reports and research that name an account by its domain or its id: why each
-- delivered row does not count on the last day, null if it does.
with known_ids as (

    select * from {{ ref('int_known_ids') }}

),

known_accounts as (

    select * from known_ids
    where id_type = 'account'

),

known_domains as (

    select * from known_ids
    where id_type = 'domain'

),

excluded_domains as (

    select distinct domain from {{ ref('int_excluded_domains') }}

),

-- What models have made of the rows: what counts is in them.
members as (

    select distinct domain, crm_account_id from {{ ref('int_target_memberships') }}
    where {{ on_last_day() }}

),

target_ids as (

    select account_id from {{ ref('int_target_accounts') }}
    where {{ on_last_day() }}

),

contract_ids as (

    select distinct contract_id from {{ ref('int_contract_spans') }}
    where {{ on_last_day() }}

),

event_ids as (

    select event_id from {{ ref('int_account_events') }}

),

companies_of_accounts as (

    select distinct company_key from {{ ref('int_account_companies') }}
    where {{ on_last_day() }}
    union
    select company_key from {{ ref('int_company_accounts') }}
    where {{ on_last_day() }}

),

findings_heard as (

    select distinct finding_id, interview_id from {{ ref('int_research_findings') }}
    where account_id is not null and {{ on_last_day() }}

),

interviews_heard as (

    select distinct interview_id from findings_heard

),

targets as (

    select
        *,
        {{ is_newest(['programme_id', 'domain', 'crm_account_id']) }} as is_newest
    from {{ ref('stg_targets__target_accounts') }}

),

contracts as (

    select *, {{ is_newest(['contract_id']) }} as is_newest
    from {{ ref('stg_billing__contracts') }}

),

windows as (

    select
        *,
        {{ is_newest(['domain', 'crm_account_id', 'window_type', 'effect', 'starts_on']) }}
            as is_newest
    from {{ ref('stg_timing__windows') }}

),

events as (

    select *, {{ is_newest(['event_id']) }} as is_newest
    from {{ ref('stg_change_events__events') }}

),

{% for rows, of in {
    'plans': ('stg_planning__plans', ['plan_id']),
    'reviews': ('stg_planning__reviews', ['review_id']),
    'milestones': ('stg_success__milestones', ['milestone_id']),
    'counts_of_use': ('stg_success__usage', ['crm_account_id', 'counted_on', 'product', 'unit'])
}.items() -%}
{{ rows }} as (

    select *, {{ is_newest(of[1]) }} as is_newest
    from {{ ref(of[0]) }}

),

{% endfor -%}
team_members as (

    select *, {{ is_newest(['team_member_id']) }} as is_newest
    from (
        {{ rows_of_sources(
            'account_teams', ['team_member_id', 'crm_account_id', 'is_deleted'] + place
        ) }}
    ) as delivered

),

outcomes as (

    select
        *,
        {{ is_newest(['domain', 'crm_account_id', 'play_id', 'assigned_on']) }} as is_newest
    from {{ ref('stg_plays__outcomes') }}

),

delivered_spend as (

    select * from {{ ref('stg_spend__daily') }}

),

spend_rows as (

    {{ spend_with_totals('delivered_spend') }}

),

spend as (

    select
        *,
        {{ is_newest([
            'spend_date', 'channel', 'function_name', 'campaign_id', 'crm_account_id'
        ]) }} as is_newest
    from spend_rows

),

companies as (

    select *, {{ is_newest(['record_key']) }} as is_newest
    from {{ ref('stg_firmographics__companies') }}
    where not is_conflicting

),

relationships as (

    select
        *,
        {{ is_newest(['company_key', 'related_company_key', 'relationship_type', 'starts_on']) }}
            as is_newest
    from {{ ref('stg_firmographics__relationships') }}

),

intent_scores as (

    select
        *,
        {{ is_newest([
            'provider', 'source_system', 'source_instance', 'domain', 'topic', 'report_date'
        ]) }} as is_newest
    from (
        {{ rows_of_sources('intent_scores', [
            'provider', 'source_system', 'source_instance', 'domain', 'topic', 'score',
            'interactions', 'report_date'
        ] + place) }}
    ) as delivered

),

providers as (

    select distinct provider from {{ ref('intent_providers') }}

),

seen_domains as (

    select *, {{ is_newest(['provider', 'domain', 'seen_on']) }} as is_newest
    from (
        select *, cast(seen_on as timestamp) as version_at
        from {{ ref('stg_intent_coverage__domains') }}
    ) as delivered

),

interviews as (

    select *, {{ is_newest(['interview_id']) }} as is_newest
    from {{ ref('stg_research__interviews') }}

),

findings as (

    select *, {{ is_newest(['finding_id']) }} as is_newest
    from (
        select
            *,
            cast(delivery_date as timestamp) as version_at,
            case when is_first_load then {{ ever_since() }} else delivery_date end
                as known_date
        from {{ ref('stg_research__findings') }}
    ) as delivered

),

plays as (

    select play_id from {{ ref('plays') }}

),

dimensions as (

    select distinct dimension from {{ ref('role_relevance') }}

),

survey_rows as (

    select
        *,
        {{ is_newest(['form', 'response_key']) }} as is_newest
    from (
        select
            form,
            coalesce(response_id, cast(submitted_at as {{ dbt.type_string() }})
                || ' ' || coalesce(address_hash, '')) as response_key,
            {{ dbt.dateadd('microsecond', 'version_number - 1', 'submitted_at') }} as version_at,
            domain,
            crm_account_id,
            crm_contact_id,
            address_domain,
            known_date,
            file as file_path,
            file_row
        from {{ ref('stg_research__survey_responses') }}
    ) as delivered

),

-- What a submission gave, version by version: one that another of the same person followed gives
-- what that one says.
answers as (

    select
        answers.file as file_path,
        answers.file_row,
        max(case when findings_heard.finding_id is not null then 1 else 0 end) as heard,
        max(case when answers.fault is null then 1 else 0 end) as understood
    from {{ ref('int_survey_answers') }} as answers
    left join findings_heard on answers.finding_id = findings_heard.finding_id
    group by answers.file, answers.file_row

)

select
    targets.file_path,
    targets.file_row,
    case
        {{ reasons_of_versions('targets.') }}
        when targets.removed_on <= {{ end_date() }} then 'taken off the list'
        when targets.listed_on > {{ end_date() }} then 'not yet known'
        when
            targets.crm_account_id is null
            and (targets.domain is null or excluded_domains.domain is not null)
            then 'no account'
        when members.domain is null and members.crm_account_id is null then 'no reason found'
        when target_ids.account_id is null then 'no reason found'
        when known_accounts.reason = 'excluded by a rule' then 'excluded by a rule'
    end as reason,
    cast(null as double) as amount_usd
from targets
left join excluded_domains on targets.domain = excluded_domains.domain
left join members
    on
        targets.domain is not distinct from members.domain
        and targets.crm_account_id is not distinct from members.crm_account_id
left join {{ ref('int_account_survivors') }} as survivors
    on targets.crm_account_id = survivors.crm_account_id and {{ on_last_day('survivors.') }}
left join {{ ref('int_domain_owners') }} as owners
    on
        targets.crm_account_id is null and targets.domain = owners.domain
        and {{ on_last_day('owners.') }}
left join target_ids
    on target_ids.account_id = coalesce(
        survivors.account_id, targets.crm_account_id, owners.account_id,
        'domain:' || targets.domain
    )
left join known_accounts
    on known_accounts.id = coalesce(survivors.account_id, targets.crm_account_id, owners.account_id)

union all

select
    contracts.file_path,
    contracts.file_row,
    case
        {{ reasons_of_versions('contracts.') }}
        when contract_ids.contract_id is not null and known_accounts.account_id is not null
            then null
        when contracts.crm_account_id is null then 'no account'
        when known_accounts.account_id is not null then 'no reason found'
        when known_accounts.id is not null then 'account left out'
        else 'account unknown'
    end,
    contracts.arr_usd
from contracts
left join contract_ids on contracts.contract_id = contract_ids.contract_id
left join known_accounts on contracts.crm_account_id = known_accounts.id

union all

{% for rows, or_domain in {'windows': false, 'events': true, 'outcomes': true}.items() %}
select
    {{ rows }}.file_path,
    {{ rows }}.file_row,
    case
        {{ reasons_of_versions(rows ~ '.') }}
        {%- if rows == 'events' %}
        when events.event_date > {{ end_date() }} then 'not yet known'
        {%- elif rows == 'outcomes' %}
        when outcomes.assigned_on > {{ end_date() }} then 'not yet known'
        when plays.play_id is null then 'play unknown'
        {%- endif %}
        when {{ reason_of_account(rows ~ '.crm_account_id', rows ~ '.domain', or_domain) }}
            is not null
            then {{ reason_of_account(rows ~ '.crm_account_id', rows ~ '.domain', or_domain) }}
        {%- if rows == 'events' %}
        when event_ids.event_id is null then 'no reason found'
        {%- endif %}
    end,
    cast(null as double)
from {{ rows }}
left join known_accounts as accounts on {{ rows }}.crm_account_id = accounts.id
left join known_domains as domains on {{ rows }}.domain = domains.id
{%- if rows == 'events' %}
left join event_ids on events.event_id = event_ids.event_id
{%- elif rows == 'outcomes' %}
left join plays on outcomes.play_id = plays.play_id
{%- endif %}

union all

{% endfor %}
{% for rows in ['plans', 'reviews', 'milestones', 'counts_of_use', 'team_members'] %}
select
    {{ rows }}.file_path,
    {{ rows }}.file_row,
    case
        {{ reasons_of_versions(rows ~ '.') }}
        {%- if rows == 'team_members' %}
        when team_members.is_deleted then 'record merged or deleted'
        {%- elif rows == 'counts_of_use' %}
        when counts_of_use.counted_on > {{ end_date() }} then 'not yet known'
        when
            counts_of_use.licensed_people is null and counts_of_use.deployed_people is null
            and counts_of_use.active_people is null
            then 'has nothing in it that we use'
        {%- endif %}
        when accounts.account_id is not null then null
        when {{ rows }}.crm_account_id is null then 'no account'
        when accounts.id is not null then 'account left out'
        else 'account unknown'
    end,
    cast(null as double)
from {{ rows }}
left join known_accounts as accounts on {{ rows }}.crm_account_id = accounts.id

union all

{% endfor %}
select
    spend.file_path,
    spend.file_row,
    case
        {{ reasons_of_versions('spend.') }}
        when spend.crm_account_id is not null and accounts.id is null then 'account unknown'
        when spend.crm_account_id is not null and accounts.account_id is null
            then 'account left out'
        when spend.is_total then 'total of other rows'
    end,
    spend.spend_usd
from spend
left join known_accounts as accounts on spend.crm_account_id = accounts.id

union all

select
    companies.file_path,
    companies.file_row,
    case
        {{ reasons_of_versions('companies.') }}
        when companies.company_key is null then 'no account'
        when companies_of_accounts.company_key is not null then null
        when known_domains.account_id is not null then null
        when companies.domain is null then 'no account'
        else 'account unknown'
    end,
    cast(null as double)
from companies
left join companies_of_accounts on companies.company_key = companies_of_accounts.company_key
left join known_domains on companies.domain = known_domains.id

union all

select
    relationships.file_path,
    relationships.file_row,
    case
        {{ reasons_of_versions('relationships.') }}
        when relationships.company_key is null or relationships.related_company_key is null
            then 'no account'
        when one.company_key is null and other.company_key is null then 'account unknown'
    end,
    cast(null as double)
from relationships
left join companies_of_accounts as one on relationships.company_key = one.company_key
left join companies_of_accounts as other on relationships.related_company_key = other.company_key

union all

select
    intent_scores.file_path,
    intent_scores.file_row,
    case
        {{ reasons_of_versions('intent_scores.') }}
        when intent_scores.domain is null then 'no account'
        when intent_scores.score is null and intent_scores.interactions is null
            then 'has nothing in it that we use'
        when intent_scores.score is not null and providers.provider is null
            then 'provider unmapped'
        when excluded_domains.domain is not null then 'excluded by a rule'
        when known_domains.account_id is null then 'account unknown'
    end,
    cast(null as double)
from intent_scores
left join providers on intent_scores.provider = providers.provider
left join excluded_domains on intent_scores.domain = excluded_domains.domain
left join known_domains on intent_scores.domain = known_domains.id

union all

select
    seen_domains.file_path,
    seen_domains.file_row,
    case
        {{ reasons_of_versions('seen_domains.') }}
        when seen_domains.domain is null then 'no account'
        when known_domains.account_id is null then 'account unknown'
    end,
    cast(null as double)
from seen_domains
left join known_domains on seen_domains.domain = known_domains.id

union all

select
    interviews.file_path,
    interviews.file_row,
    case
        {{ reasons_of_versions('interviews.') }}
        when interviews.is_retracted then 'record merged or deleted'
        when interviews_heard.interview_id is not null then null
        else {{ reason_of_account('interviews.crm_account_id', 'interviews.domain', true) }}
    end,
    cast(null as double)
from interviews
left join interviews_heard on interviews.interview_id = interviews_heard.interview_id
left join known_accounts as accounts on interviews.crm_account_id = accounts.id
left join known_domains as domains on interviews.domain = domains.id

union all

select
    findings.file_path,
    findings.file_row,
    case
        {{ reasons_of_versions('findings.') }}
        when findings.is_retracted or coalesce(interviews.is_retracted, false)
            then 'record merged or deleted'
        when findings_heard.finding_id is not null then null
        when interviews.interview_id is null then 'interview unknown'
        when interviews.known_date > {{ end_date() }} or interviews.held_on > {{ end_date() }}
            then 'not yet known'
        when dimensions.dimension is null then 'dimension unknown'
        else coalesce(
            {{ reason_of_account('interviews.crm_account_id', 'interviews.domain', true) }},
            'no reason found'
        )
    end,
    cast(null as double)
from findings
left join findings_heard on findings.finding_id = findings_heard.finding_id
left join interviews on findings.interview_id = interviews.interview_id and interviews.is_newest
left join dimensions on findings.dimension = dimensions.dimension
left join known_accounts as accounts on interviews.crm_account_id = accounts.id
left join known_domains as domains on interviews.domain = domains.id

union all

select
    survey_rows.file_path,
    survey_rows.file_row,
    case
        {{ reasons_of_versions('survey_rows.') }}
        when answers.heard = 1 then null
        when
            survey_rows.domain is null and survey_rows.crm_account_id is null
            and survey_rows.crm_contact_id is null and survey_rows.address_domain is null
            then 'no account'
        when answers.file_path is null then 'superseded by a later version'
        when answers.understood = 0 then 'has nothing in it that we use'
        else 'account unknown'
    end,
    cast(null as double)
from survey_rows
left join answers
    on survey_rows.file_path = answers.file_path and survey_rows.file_row = answers.file_row
