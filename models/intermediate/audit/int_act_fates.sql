{{ config(materialized='view') }}

{%- set place = ['version_at', 'known_date', 'file_path', 'file_row'] -%}
{%- set of_kind = ['source_table', 'activity_kind', 'activity_subkind', 'disposition'] -%}

-- Acts, who took part in them, page views and what says who a visitor is: why each delivered row
-- does not count on the last day, null if it does. An act counts when the rollup has it, under the
-- type that the seeds give it, and an account has who or what it is about.
with known_ids as (

    select * from {{ ref('int_known_ids') }}

),

known_accounts as (

    select * from known_ids
    where id_type = 'account'

),

-- An id that several records share names nobody.
known_people as (

    select * from known_ids
    where id_type = 'person' and not is_shared

),

known_domains as (

    select * from known_ids
    where id_type = 'domain'

),

people_domains as (

    select named_id, max({{ dbt.split_part('email', "'@'", 2) }}) as traffic_domain
    from {{ ref('int_person_records') }}
    where {{ on_last_day() }}
    group by named_id

),

activity_types as (

    select * from {{ ref('activity_types') }}

),

rolled_up_acts as (

    select feed, identity_type, identity, occurred_date, activity_type
    from {{ ref('int_act_days') }}
    where known_date <= {{ end_date() }}
    group by feed, identity_type, identity, occurred_date, activity_type
    having sum(quantity) > 0

),

rolled_up_pages as (

    select distinct identity, occurred_date, activity_type
    from {{ ref('int_page_days') }}
    where known_date <= {{ end_date() }}

),

-- Who owns what acts that can still count are about.
owners as (

    select identity_type, identity, max(traffic_domain) as traffic_domain
    from {{ ref('int_identity_owners') }}
    where {{ on_last_day() }}
    group by identity_type, identity

),

blocked as (

    select * from {{ ref('int_traffic_weights') }}
    where weight_share = 0

),

delivered_acts as (

    {{ rows_of_sources('activities', of_kind + [
        'source_system', 'source_instance', 'act_id', 'record_id', 'crm_account_id', 'domain',
        'campaign_id', 'subject', 'occurred_date', 'is_done', 'is_deleted', 'quantity',
        'created_date', 'is_first_load', 'load_id'
    ] + place) }}

),

-- Most acts have one version and need no looking at others.
acts_with_versions as (

    select source_system, act_id
    from delivered_acts
    group by source_system, act_id
    having count(*) > 1

),

superseded as (

    select file_path, file_row
    from (
        select
            delivered_acts.file_path,
            delivered_acts.file_row,
            row_number() over (
                partition by delivered_acts.source_system, delivered_acts.act_id
                order by
                    case when delivered_acts.known_date <= {{ end_date() }} then 0 else 1 end,
                    delivered_acts.version_at desc, delivered_acts.load_id desc,
                    delivered_acts.file_path desc, delivered_acts.file_row desc
            ) as recency
        from delivered_acts
        inner join acts_with_versions
            on
                delivered_acts.source_system = acts_with_versions.source_system
                and delivered_acts.act_id = acts_with_versions.act_id
    ) as versions
    where recency > 1

),

acts as (

    select
        delivered_acts.*,
        {{ feed_name('delivered_acts.') }} as feed,
        superseded.file_path is null as is_newest,
        {{ backfilled_from('created_date') }} as from_date
    from delivered_acts
    left join superseded
        on
            delivered_acts.file_path = superseded.file_path
            and delivered_acts.file_row = superseded.file_row

),

removals as (

    select
        source_system, record_id, max_by(is_deleted, load_id) as is_deleted,
        max(changed_on) as changed_on
    from {{ ref('int_record_removals') }}
    where record_kind = 'act' and changed_on <= {{ end_date() }}
    group by source_system, record_id

),

act_ids as (

    select distinct source_system, act_id from acts
    where known_date <= {{ end_date() }}

),

attendee_rows as (

    select
        *,
        row_number() over (
            partition by source_system, act_id, record_id, crm_account_id
            order by
                case when known_date <= {{ end_date() }} then 0 else 1 end,
                load_id desc, known_date desc, version_at desc, file_row desc
        ) = 1
        -- Those that name nobody are no versions of each other.
        or (record_id is null and crm_account_id is null) as is_newest
    from (
        {{ rows_of_sources('attendees', [
            'source_system', 'act_id', 'record_id', 'crm_account_id', 'is_deleted', 'load_id'
        ] + place) }}
    ) as delivered

),

-- What was ever told of who took part: an act that has attendees is theirs and no longer of the
-- account that it was logged on.
attended as (

    select
        source_system,
        act_id,
        count(record_id) > 0 as has_people,
        min_by(crm_account_id, load_id) as crm_account_id
    from attendee_rows
    where not is_deleted and known_date <= {{ end_date() }}
    group by source_system, act_id

),

campaigns as (

    select source_system, crm_campaign_id, min_by(campaign_type, load_id) as campaign_type
    from (
        {{ rows_of_sources('campaigns', [
            'source_system', 'crm_campaign_id', 'campaign_type', 'known_date', 'load_id'
        ]) }}
    ) as delivered
    where known_date <= {{ end_date() }}
    group by source_system, crm_campaign_id

),

delivered_kinds as (

    select distinct
        acts.source_table,
        coalesce(acts.activity_kind, campaigns.campaign_type) as activity_kind,
        acts.activity_subkind,
        acts.disposition
    from acts
    left join campaigns
        on
            acts.source_system = campaigns.source_system
            and acts.campaign_id = campaigns.crm_campaign_id

),

kinds as (

    select
        {%- for column in of_kind %}
        delivered_kinds.{{ column }},
        {%- endfor %}
        min_by(rules.activity_type, rules.rule_rank) as activity_type,
        min_by(rules.counts_copies_once, rules.rule_rank) as counts_copies_once
    from delivered_kinds
    inner join {{ ref('crm_activity_types') }} as rules
        on
            delivered_kinds.source_table = rules.source_table
            and coalesce(delivered_kinds.activity_kind, '') like coalesce(rules.kind_pattern, '')
            and coalesce(delivered_kinds.activity_subkind, '')
            like coalesce(rules.subkind_pattern, '')
            and coalesce(delivered_kinds.disposition, '')
            like coalesce(rules.disposition_pattern, '')
    group by
        {%- for column in of_kind %}
        delivered_kinds.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}

),

subject_types as (

    select * from {{ ref('subject_types') }}

),

named_acts as (

    select
        acts.*,
        kinds.activity_type as kind_type,
        kinds.counts_copies_once,
        coalesce(acts.crm_account_id, attended.crm_account_id) as logged_on,
        coalesce(attended.has_people, false) as has_people,
        nullif(trim(regexp_replace(
            lower(coalesce(acts.subject, '')), '{{ var("copied_subject_prefix") }}', ''
        )), '') as plain_subject
    from acts
    left join campaigns
        on
            acts.source_system = campaigns.source_system
            and acts.campaign_id = campaigns.crm_campaign_id
    left join kinds
        on
            acts.source_table = kinds.source_table
            and coalesce(acts.activity_kind, campaigns.campaign_type)
            is not distinct from kinds.activity_kind
            and acts.activity_subkind is not distinct from kinds.activity_subkind
            and acts.disposition is not distinct from kinds.disposition
    left join attended
        on acts.source_system = attended.source_system and acts.act_id = attended.act_id

),

subjects as (

    select
        subjects.kind_type,
        subjects.plain_subject,
        min_by(subject_types.counts_as, subject_types.rule_rank) as counts_as
    from (
        select distinct kind_type, plain_subject from named_acts
        where plain_subject is not null
            and kind_type in (select subject_types.activity_type from subject_types)
    ) as subjects
    inner join subject_types
        on
            subjects.kind_type = subject_types.activity_type
            and {{ without_accents('subjects.plain_subject') }} like subject_types.subject_pattern
    group by subjects.kind_type, subjects.plain_subject

),

typed_acts as (

    select
        named_acts.*,
        case
            when scanner_clicks.act_id is not null then 'scanner_click'
            else coalesce(subjects.counts_as, named_acts.kind_type)
        end as activity_type,
        case when named_acts.counts_copies_once then named_acts.plain_subject end as copied_subject
    from named_acts
    left join subjects
        on
            named_acts.kind_type = subjects.kind_type
            and named_acts.plain_subject = subjects.plain_subject
    left join {{ ref('int_scanner_clicks') }} as scanner_clicks
        on
            named_acts.source_system = scanner_clicks.source_system
            and named_acts.act_id = scanner_clicks.act_id

),

-- Each person, account or domain that an act is about. Below they are joined by keys that are null
-- where they do not apply: a condition on one side of a join alone makes it a loop over both.
participations as (

    select
        *,
        case
            when record_id is not null then 'person_record'
            when domain is not null then 'domain'
            else 'crm_account'
        end as identity_type,
        case when record_id is not null or not has_people
            then coalesce(record_id, domain, logged_on) end as identity,
        case when record_id is not null then logged_on end as fallback_account,
        load_id as counted_load_id,
        from_date as counted_from
    from typed_acts

    union all

    select
        typed_acts.*,
        'person_record',
        attendee_rows.record_id,
        typed_acts.logged_on,
        greatest(typed_acts.load_id, attendee_rows.load_id),
        typed_acts.from_date
    from typed_acts
    inner join attendee_rows
        on
            typed_acts.source_system = attendee_rows.source_system
            and typed_acts.act_id = attendee_rows.act_id
            and attendee_rows.is_newest
            and not attendee_rows.is_deleted
            and attendee_rows.record_id is not null
            and attendee_rows.record_id is distinct from typed_acts.record_id
            and attendee_rows.known_date <= {{ end_date() }}

),

-- Of acts alike the first to arrive counts, of those that have not been undone since.
copied as (

    select source_system, identity_type, identity, occurred_date, activity_type, copied_subject
    from participations
    where copied_subject is not null and is_done and identity is not null
    group by
        source_system, identity_type, identity, occurred_date, activity_type, copied_subject
    having min(act_id) != max(act_id)

),

arrivals as (

    select
        participations.source_system,
        participations.identity_type,
        participations.identity,
        participations.occurred_date,
        participations.activity_type,
        participations.copied_subject,
        participations.act_id,
        participations.is_newest
        and participations.known_date <= {{ end_date() }}
        and not participations.is_deleted
        and not coalesce(
            removals.is_deleted and removals.changed_on >= participations.known_date, false
        ) as stands,
        row_number() over (
            partition by
                participations.source_system, participations.identity_type,
                participations.identity, participations.occurred_date,
                participations.activity_type, participations.copied_subject
            order by
                participations.counted_load_id, participations.counted_from,
                participations.act_id
        ) as arrival
    from participations
    inner join copied
        on
            participations.source_system = copied.source_system
            and participations.identity_type = copied.identity_type
            and participations.identity = copied.identity
            and participations.occurred_date = copied.occurred_date
            and participations.activity_type = copied.activity_type
            and participations.copied_subject = copied.copied_subject
    left join removals
        on
            participations.source_system = removals.source_system
            and participations.act_id = removals.record_id
    where participations.is_done

),

originals as (

    select
        source_system, identity_type, identity, occurred_date, activity_type, copied_subject,
        min_by(act_id, arrival) as act_id
    from (
        select
            source_system, identity_type, identity, occurred_date, activity_type, copied_subject,
            act_id, min(arrival) as arrival
        from arrivals
        group by
            source_system, identity_type, identity, occurred_date, activity_type, copied_subject,
            act_id
        having max(case when stands then 1 else 0 end) = 1
    ) as standing
    group by
        source_system, identity_type, identity, occurred_date, activity_type, copied_subject

),

judged_participations as (

    select
        participations.file_path,
        participations.file_row,
        participations.feed,
        participations.activity_type,
        participations.quantity,
        case
            when greatest(participations.known_date, participations.occurred_date)
                > {{ end_date() }} then 'not yet known'
            when not participations.is_newest then 'superseded by a later version'
            when
                participations.is_deleted
                or (
                    removals.is_deleted
                    and removals.changed_on >= participations.known_date
                )
                then 'record merged or deleted'
            when not coalesce(participations.is_done, false) then 'not done'
            when participations.activity_type is null then 'activity unmapped'
            when participations.identity is null then 'no account'
            when originals.act_id != participations.act_id then 'same activity as another row'
            when rolled_up_acts.feed is null then 'no reason found'
            when activity_types.machine is not null or known_people.reason = 'excluded by a rule'
                or (blocked.category is not null and not activity_types.is_own_touch)
                then 'excluded by a rule'
            when
                coalesce(
                    known_people.account_id, of_fallback.account_id, known_accounts.account_id,
                    known_domains.account_id
                ) is not null
                then
                    case
                        when
                            owners.identity is null
                            and participations.occurred_date
                            >= {{ add_days(end_date(), -var('max_age_days')) }}
                            then 'no reason found'
                    end
            when
                participations.identity_type = 'person_record'
                and known_people.id is null and of_fallback.id is null
                then 'person unknown'
            when of_fallback.id is not null or known_accounts.id is not null
                then 'account left out'
            else 'account unknown'
        end as reason
    from participations
    left join removals
        on
            participations.source_system = removals.source_system
            and participations.act_id = removals.record_id
    left join originals
        on
            participations.source_system = originals.source_system
            and participations.identity_type = originals.identity_type
            and participations.identity = originals.identity
            and participations.occurred_date = originals.occurred_date
            and participations.activity_type = originals.activity_type
            and participations.copied_subject = originals.copied_subject
    left join rolled_up_acts
        on
            participations.feed = rolled_up_acts.feed
            and participations.identity_type = rolled_up_acts.identity_type
            and participations.identity = rolled_up_acts.identity
            and participations.occurred_date = rolled_up_acts.occurred_date
            and participations.activity_type = rolled_up_acts.activity_type
    left join activity_types on participations.activity_type = activity_types.activity_type
    left join known_people
        on
            case
                when participations.identity_type = 'person_record' then participations.identity
            end = known_people.id
    left join people_domains on known_people.id = people_domains.named_id
    left join known_accounts as of_fallback on participations.fallback_account = of_fallback.id
    left join known_accounts
        on
            case when participations.identity_type = 'crm_account' then participations.identity end
            = known_accounts.id
    left join known_domains
        on
            case when participations.identity_type = 'domain' then participations.identity end
            = known_domains.id
    left join blocked
        on
            coalesce(people_domains.traffic_domain, known_domains.id) = blocked.traffic_domain
            and participations.occurred_date >= blocked.valid_from
            and participations.occurred_date < blocked.valid_to
    left join owners
        on
            participations.identity_type = owners.identity_type
            and participations.identity = owners.identity

),

pages as (

    select * from {{ ref('stg_segment__pages') }}

),

page_types as (

    select paths.page_path, min_by(page_types.activity_type, page_types.rule_rank) as activity_type
    from (select distinct page_path from pages) as paths
    inner join {{ ref('page_types') }} as page_types
        on paths.page_path like page_types.path_pattern
    group by paths.page_path

),

bot_days as (

    select identity, occurred_date from rolled_up_pages
    where activity_type = 'bot_page'

),

judged_pages as (

    select
        pages.file_path,
        pages.file_row,
        case
            when pages.known_date > {{ end_date() }} then 'not yet known'
            -- A page sent again is no second visit.
            when pages.version_number > 1 then 'superseded by a later version'
            when page_types.activity_type is null then 'activity unmapped'
            when bot_days.identity is not null and rolled_up_pages.identity is null
                then 'excluded by a rule'
            when rolled_up_pages.identity is null then 'no reason found'
            when blocked.category is not null then 'excluded by a rule'
            when owners.identity is not null then null
            when visitors.id is null and addresses.id is null then 'visitor unresolved'
            when coalesce(visitors.account_id, addresses.account_id) is null
                then 'account unknown'
            when pages.occurred_date >= {{ add_days(end_date(), -var('max_age_days')) }}
                then 'no reason found'
        end as reason
    from pages
    left join page_types on pages.page_path = page_types.page_path
    left join rolled_up_pages
        on
            pages.anonymous_id = rolled_up_pages.identity
            and pages.occurred_date = rolled_up_pages.occurred_date
            and page_types.activity_type = rolled_up_pages.activity_type
    left join bot_days
        on
            pages.anonymous_id = bot_days.identity
            and pages.occurred_date = bot_days.occurred_date
    left join known_ids as visitors
        on visitors.id_type = 'visitor' and pages.anonymous_id = visitors.id
    left join known_ids as addresses
        on addresses.id_type = 'address' and pages.ip = addresses.id
    left join owners
        on owners.identity_type = 'visitor' and pages.anonymous_id = owners.identity
    left join blocked
        on
            owners.traffic_domain = blocked.traffic_domain
            and pages.occurred_date >= blocked.valid_from
            and pages.occurred_date < blocked.valid_to

),

-- Of several who took part the one that brings the act furthest says what becomes of it.
{%- set steps = [
    'not yet known', 'superseded by a later version', 'record merged or deleted', 'not done',
    'activity unmapped', 'no account', 'same activity as another row', 'excluded by a rule',
    'person unknown', 'account unknown', 'account left out', 'no reason found'
] %}
act_rows as (

    select
        file_path,
        file_row,
        max(case reason
            {%- for step in steps %}
            when '{{ step }}' then {{ loop.index }}
            {%- endfor %}
            else {{ steps | length + 1 }}
        end) as step,
        -- What the rollup must hold of it.
        sum(case when reason in (
            'not yet known', 'superseded by a later version', 'record merged or deleted',
            'not done', 'activity unmapped', 'no account', 'same activity as another row'
        ) then 0 else quantity end) as acts
    from judged_participations
    group by file_path, file_row

)

select
    file_path,
    file_row,
    case step
        {%- for step in steps %}
        when {{ loop.index }} then '{{ step }}'
        {%- endfor %}
    end as reason,
    cast(null as double) as amount_usd,
    acts
from act_rows

union all

select
    attendee_rows.file_path,
    attendee_rows.file_row,
    case
        {{ reasons_of_versions('attendee_rows.') }}
        when attendee_rows.is_deleted then 'record merged or deleted'
        when attendee_rows.record_id is null and attendee_rows.crm_account_id is null
            then 'has nothing in it that we use'
        when act_ids.act_id is null then 'activity unknown'
        when attendee_rows.record_id is not null and known_people.id is null
            then 'person unknown'
        when coalesce(known_people.account_id, known_accounts.account_id) is not null then null
        when known_accounts.id is not null then 'account left out'
        else 'account unknown'
    end,
    cast(null as double),
    0
from attendee_rows
left join act_ids
    on
        attendee_rows.source_system = act_ids.source_system
        and attendee_rows.act_id = act_ids.act_id
left join known_people on attendee_rows.record_id = known_people.id
left join known_accounts on attendee_rows.crm_account_id = known_accounts.id

union all

select
    file_path,
    file_row,
    reason,
    cast(null as double),
    case when reason in (
        'not yet known', 'superseded by a later version', 'activity unmapped'
    ) then 0 else 1 end
from judged_pages

union all

select
    identifies.file_path,
    identifies.file_row,
    case
        {{ reasons_of_versions('identifies.') }}
        when identifies.email is null then 'no account'
        when visitors.account_id is null then 'account unknown'
    end,
    cast(null as double),
    0
from (
    select *, {{ is_newest(['identify_id']) }} as is_newest
    from {{ ref('stg_segment__identifies') }}
) as identifies
left join known_ids as visitors
    on visitors.id_type = 'visitor' and identifies.anonymous_id = visitors.id

union all

select
    resolutions.file_path,
    resolutions.file_row,
    case
        {{ reasons_of_versions('resolutions.') }}
        when resolutions.domain is null then 'no account'
        when resolutions.confidence_share < {{ var('resolver_min_confidence') }}
            then 'excluded by a rule'
        when known_domains.id is null then 'account unknown'
    end,
    cast(null as double),
    0
from (
    select *, {{ is_newest(['ip']) }} as is_newest
    from {{ ref('stg_reveal__ip_companies') }}
) as resolutions
left join known_domains on resolutions.domain = known_domains.id
