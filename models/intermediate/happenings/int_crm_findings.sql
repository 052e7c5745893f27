{%- set columns = [
    'source_system', 'source_instance', 'source_table', 'act_id', 'record_id', 'crm_account_id',
    'occurred_date', 'is_done', 'owner_id', 'custom_fields', 'version_at', 'is_first_load',
    'known_date', 'load_id'
] -%}

with calls as (

    {{ rows_of_sources('discovery_calls', columns) }}

),

research_fields as (

    select * from {{ ref('crm_research_fields') }}

),

attendees as (

    select * from {{ ref('int_attendees') }}
    where not is_deleted

),

scale as (

    select min(rating) as least_rating, max(rating) as greatest_rating
    from {{ ref('rating_anchors') }}

),

words as (

    select 'pressure_type' as field, pressure_type as word from {{ ref('pressure_types') }}
    union all
    select 'constraint_type', constraint_type from {{ ref('constraint_types') }}

),

fields_of_tables as (

    select source, source_instance, table_name, array_agg(field) as fields
    from research_fields
    group by source, source_instance, table_name

),

-- Calls in which somebody has ever filled a field; most have none.
coded_calls as (

    select distinct calls.source_system, calls.act_id
    from calls
    inner join fields_of_tables
        on
            calls.source_system = fields_of_tables.source
            and calls.source_instance = fields_of_tables.source_instance
            and calls.source_table = fields_of_tables.table_name
    where {{ json_has_any('calls.custom_fields', 'fields_of_tables.fields') }}

),

versions as (

    select
        calls.*,
        row_number() over (
            partition by calls.source_system, calls.act_id
            order by calls.version_at, calls.known_date, calls.load_id
        ) as version_number,
        lead(calls.known_date) over (
            partition by calls.source_system, calls.act_id
            order by calls.version_at, calls.known_date, calls.load_id
        ) as next_known_date,
        row_number() over (
            partition by calls.source_system, calls.act_id
            order by calls.version_at desc, calls.known_date desc, calls.load_id desc
        ) = 1 as is_latest
    from calls
    inner join coded_calls
        on
            calls.source_system = coded_calls.source_system
            and calls.act_id = coded_calls.act_id

),

-- A call that was planned, cancelled or deleted says nothing.
entries as (

    select
        versions.source_system,
        versions.act_id,
        versions.version_number,
        versions.is_latest,
        research_fields.research_field as field,
        trim({{ json_text('versions.custom_fields', 'research_fields.field') }}) as value
    from versions
    inner join research_fields
        on
            versions.source_system = research_fields.source
            and versions.source_instance = research_fields.source_instance
            and versions.source_table = research_fields.table_name
    where versions.is_done

),

valued as (

    select
        entries.*,
        case
            when entries.field in ({{ dimensions() }}) then try_cast(entries.value as double)
        end as rating,
        case
            when entries.field in ('deadline_on', 'revisit_on')
                then {{ written_day('entries.value') }}
        end as day,
        words.word
    from entries
    left join words
        on
            entries.field = words.field
            and replace({{ plain_text('entries.value') }}, ' ', '_') = words.word
    where entries.value != ''

),

judged as (

    select
        valued.*,
        case
            when valued.field = 'respondent_role' then cast(null as {{ dbt.type_string() }})
            when valued.field in ('deadline_on', 'revisit_on')
                then case when valued.day is null then 'unreadable_date' end
            when valued.field in ('pressure_type', 'constraint_type')
                then case when valued.word is null then 'unknown_answer' end
            when valued.rating is null then 'unknown_answer'
            when valued.rating < scale.least_rating or valued.rating > scale.greatest_rating
                then 'rating_out_of_range'
        end as fault
    from valued
    cross join scale

),

rated as (

    select source_system, act_id, version_number, field as dimension, rating
    from judged
    where fault is null and rating is not null

),

said_beside as (

    select
        source_system,
        act_id,
        version_number,
        max(case when field = 'revisit_on' then day end) as revisit_on,
        max(case when field = 'pressure_type' then word end) as pressure_type,
        max(case when field = 'deadline_on' then day end) as deadline_on,
        max(case when field = 'constraint_type' then word end) as constraint_type,
        max(case when field = 'respondent_role' then value end) as respondent_role,
        count(
            case when fault is null and field != 'respondent_role' and rating is null then 1 end
        ) as words_said,
        count(case when fault is null then rating end) as ratings_given
    from judged
    group by source_system, act_id, version_number

),

-- What was rated once and is rated no more in a later version is taken back.
first_ratings as (

    select source_system, act_id, dimension, min(version_number) as first_version_number
    from rated
    group by source_system, act_id, dimension

),

-- The person and the company of a call that names none: those that were linked first. A link that
-- becomes known later holds from then on.
links as (

    select
        attendees.source_system,
        attendees.act_id,
        attendees.record_id,
        attendees.crm_account_id,
        {{ backfilled_from(ever_since(), prefix='attendees.') }} as linked_on
    from attendees
    inner join coded_calls
        on
            attendees.source_system = coded_calls.source_system
            and attendees.act_id = coded_calls.act_id

),

first_links as (

    select source_system, act_id, record_id, crm_account_id, linked_on
    from (
        select
            links.*,
            row_number() over (
                partition by source_system, act_id, record_id is null
                order by linked_on, record_id, crm_account_id
            ) as place
        from links
    ) as ranked
    where place = 1

),

moments as (

    select source_system, act_id, version_number, known_date as seen_on
    from versions
    union
    select versions.source_system, versions.act_id, versions.version_number, first_links.linked_on
    from versions
    inner join first_links
        on
            versions.source_system = first_links.source_system
            and versions.act_id = first_links.act_id
            and versions.known_date < first_links.linked_on
            and (
                versions.next_known_date is null
                or first_links.linked_on < versions.next_known_date
            )

),

calls_seen as (

    select
        versions.*,
        moments.seen_on,
        coalesce(versions.record_id, people.record_id) as respondent_id,
        coalesce(versions.crm_account_id, companies.crm_account_id) as company_id
    from versions
    inner join moments
        on
            versions.source_system = moments.source_system
            and versions.act_id = moments.act_id
            and versions.version_number = moments.version_number
    left join first_links as people
        on
            versions.source_system = people.source_system
            and versions.act_id = people.act_id
            and people.record_id is not null
            and moments.seen_on >= people.linked_on
    left join first_links as companies
        on
            versions.source_system = companies.source_system
            and versions.act_id = companies.act_id
            and companies.record_id is null
            and moments.seen_on >= companies.linked_on

),

findings as (

    select
        versions.source_system,
        versions.act_id,
        versions.version_number,
        first_ratings.dimension,
        rated.rating,
        cast(null as {{ dbt.type_string() }}) as fault
    from versions
    inner join first_ratings
        on
            versions.source_system = first_ratings.source_system
            and versions.act_id = first_ratings.act_id
            and versions.version_number >= first_ratings.first_version_number
    left join rated
        on
            versions.source_system = rated.source_system
            and versions.act_id = rated.act_id
            and versions.version_number = rated.version_number
            and first_ratings.dimension = rated.dimension

    union all

    select source_system, act_id, version_number, field, null, fault
    from judged
    where fault is not null and is_latest

    union all

    select
        said_beside.source_system, said_beside.act_id, said_beside.version_number, null, null,
        'nothing_rated'
    from said_beside
    inner join versions
        on
            said_beside.source_system = versions.source_system
            and said_beside.act_id = versions.act_id
            and said_beside.version_number = versions.version_number
    where versions.is_latest and said_beside.words_said > 0 and said_beside.ratings_given = 0

)

select
    case
        when findings.fault is null
            then findings.source_system || ':' || findings.act_id || ':' || findings.dimension
    end as finding_id,
    findings.source_system || ':' || findings.act_id as interview_id,
    'discovery_call' as source_type,
    calls_seen.owner_id as coder,
    calls_seen.respondent_id as crm_contact_id,
    calls_seen.respondent_id as respondent_key,
    said_beside.respondent_role,
    calls_seen.company_id as crm_account_id,
    cast(null as {{ dbt.type_string() }}) as domain,
    findings.dimension,
    findings.rating,
    case when findings.rating is not null then said_beside.revisit_on end as revisit_on,
    case when findings.rating is not null then said_beside.pressure_type end as pressure_type,
    case when findings.rating is not null then said_beside.deadline_on end as deadline_on,
    case when findings.rating is not null then said_beside.constraint_type end as constraint_type,
    calls_seen.occurred_date as held_on,
    calls_seen.version_at,
    calls_seen.is_first_load,
    calls_seen.seen_on as known_date,
    findings.fault
from findings
inner join calls_seen
    on
        findings.source_system = calls_seen.source_system
        and findings.act_id = calls_seen.act_id
        and findings.version_number = calls_seen.version_number
left join said_beside
    on
        findings.source_system = said_beside.source_system
        and findings.act_id = said_beside.act_id
        and findings.version_number = said_beside.version_number
where findings.fault is null or calls_seen.seen_on = calls_seen.known_date
