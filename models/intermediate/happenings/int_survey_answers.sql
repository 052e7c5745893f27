with responses as (

    select * from {{ ref('stg_research__survey_responses') }}

),

excluded_domains as (

    select * from {{ ref('int_excluded_domains') }}

),

survey_questions as (

    select *, {{ plain_text('question_text') }} as plain_question
    from {{ ref('survey_questions') }}

),

survey_answers as (

    select
        *,
        {{ plain_text('question_text') }} as plain_question,
        {{ plain_text('answer') }} as plain_answer
    from {{ ref('survey_answers') }}

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

-- An address names the company only where nothing else does, and a free-mail one never.
identified as (

    select
        responses.form,
        responses.form || '|' || coalesce(
            'id ' || responses.response_id,
            cast(responses.submitted_at as {{ dbt.type_string() }})
            || ' ' || coalesce(responses.address_hash, '')
        ) as response_key,
        responses.crm_account_id,
        responses.crm_contact_id,
        coalesce(responses.crm_contact_id, responses.address_hash) as respondent_key,
        responses.respondent_role,
        case
            when stated_exclusions.domain is null and responses.domain is not null
                then responses.domain
            when responses.crm_account_id is null and address_exclusions.domain is null
                then responses.address_domain
        end as domain,
        responses.answers,
        responses.held_on,
        -- Of several submissions the last counts, in its last version, whenever that came.
        {{ dbt.dateadd('microsecond', 'responses.version_number - 1', 'responses.submitted_at') }}
            as version_at,
        responses.is_first_load,
        responses.known_date,
        responses.file,
        responses.file_row
    from responses
    left join excluded_domains as stated_exclusions
        on responses.domain = stated_exclusions.domain
    left join excluded_domains as address_exclusions
        on responses.address_domain = address_exclusions.domain

),

-- A voice: all that one person says about one account in one form. Nobody can tell unnamed people
-- apart, so each of their submissions is a voice.
voices as (

    select
        identified.*,
        'survey:' || {{ sha256_hex(
            "case when respondent_key is not null"
            ~ " then 'person|' || form || '|' || coalesce(crm_account_id, domain, '')"
            ~ " || '|' || respondent_key"
            ~ " else 'response|' || response_key || '|' || coalesce(crm_account_id, domain, '') end"
        ) }} as interview_id,
        crm_account_id is not null or domain is not null or crm_contact_id is not null
            as is_addressed
    from identified

),

-- One submission sent twice in one moment counts once.
versions as (

    select
        *,
        row_number() over (order by interview_id, version_at, response_key) as version_id,
        lag(interview_id) over (partition by response_key order by version_at) as voice_before,
        row_number() over (
            partition by interview_id order by version_at desc
        ) = 1
        and row_number() over (
            partition by response_key order by version_at desc
        ) = 1 as is_latest
    from (
        select
            *,
            row_number() over (
                partition by interview_id, version_at order by known_date, response_key
            ) as place
        from voices
    ) as ranked
    where place = 1

),

given_answers as (

    {{ json_fields('versions', 'answers') }}

),

asked as (

    select
        given_answers.version_id,
        given_answers.form,
        given_answers.field as question,
        {{ plain_text('given_answers.field') }} as plain_question,
        given_answers.value as answer,
        {{ plain_text('given_answers.value') }} as plain_answer
    from given_answers
    where given_answers.field not like '\_%' escape '\' and trim(given_answers.value) != ''

),

meanings as (

    select version_id, question, value
    from (
        select
            asked.version_id,
            asked.question,
            survey_answers.value,
            row_number() over (
                partition by asked.version_id, asked.question
                order by
                    case when survey_answers.form = asked.form then 0 else 1 end,
                    case when survey_answers.plain_question = asked.plain_question then 0 else 1 end
            ) as place
        from asked
        inner join survey_answers
            on
                asked.plain_answer = survey_answers.plain_answer
                and survey_answers.form in (asked.form, 'any')
                and survey_answers.plain_question in (asked.plain_question, 'any')
    ) as ranked
    where place = 1

),

meant as (

    select
        asked.version_id,
        asked.question,
        coalesce(of_form.field, of_any.field) as field,
        trim(coalesce(meanings.value, asked.answer)) as value
    from asked
    left join survey_questions as of_form
        on asked.form = of_form.form and asked.plain_question = of_form.plain_question
    left join survey_questions as of_any
        on of_any.form = 'any' and asked.plain_question = of_any.plain_question
    left join meanings
        on asked.version_id = meanings.version_id and asked.question = meanings.question

),

-- Only words of the codebook are kept: free text is not passed on.
valued as (

    select
        meant.version_id,
        meant.question,
        meant.field,
        case
            when meant.field in ({{ dimensions() }}) then try_cast(meant.value as double)
        end as rating,
        case
            when meant.field in ('deadline_on', 'revisit_on') then {{ written_day('meant.value') }}
        end as day,
        words.word
    from meant
    left join words
        on
            meant.field = words.field
            and replace({{ plain_text('meant.value') }}, ' ', '_') = words.word
    where
        meant.field is null
        or (meant.field != 'ignore' and lower(meant.value) != 'none')

),

judged as (

    select
        valued.*,
        case
            when valued.field is null then 'unknown_question'
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

-- Several questions of one dimension are one voice: their mean.
rated as (

    select
        judged.version_id,
        versions.interview_id,
        versions.version_at,
        judged.field as dimension,
        round(avg(judged.rating), 6) as rating,
        {{ dbt.listagg('judged.question', "' | '", 'order by judged.question') }} as question
    from judged
    inner join versions on judged.version_id = versions.version_id
    where judged.fault is null and judged.rating is not null and versions.is_addressed
    group by judged.version_id, versions.interview_id, versions.version_at, judged.field

),

said_beside as (

    select
        version_id,
        min(case when field = 'revisit_on' then day end) as revisit_on,
        min(case when field = 'pressure_type' then word end) as pressure_type,
        min(case when field = 'deadline_on' then day end) as deadline_on,
        min(case when field = 'constraint_type' then word end) as constraint_type,
        count(case when fault is null then 1 end) as usable_answers
    from judged
    group by version_id

),

-- What a voice has rated by the time of a version, and what an answer said of the account that it
-- was taken off since: not said again, it is taken back.
first_ratings as (

    select interview_id, dimension, min(version_at) as first_version_at
    from rated
    group by interview_id, dimension

),

due as (

    select versions.version_id, versions.interview_id, first_ratings.dimension
    from versions
    inner join first_ratings
        on
            versions.interview_id = first_ratings.interview_id
            and versions.version_at >= first_ratings.first_version_at

    union all

    select versions.version_id, versions.voice_before, first_ratings.dimension
    from versions
    inner join first_ratings
        on
            versions.voice_before = first_ratings.interview_id
            and versions.version_at >= first_ratings.first_version_at
    where versions.voice_before != versions.interview_id

),

findings as (

    select
        due.version_id,
        due.interview_id,
        due.dimension,
        rated.rating,
        rated.question,
        cast(null as {{ dbt.type_string() }}) as fault
    from due
    left join rated
        on
            due.version_id = rated.version_id
            and due.interview_id = rated.interview_id
            and due.dimension = rated.dimension

    union all

    select version_id, null, field, null, question, fault
    from judged
    where fault is not null

    union all

    select version_id, null, null, null, null, 'unknown_account'
    from versions
    where not is_addressed

    union all

    select versions.version_id, null, null, null, null, 'nothing_rated'
    from versions
    inner join said_beside on versions.version_id = said_beside.version_id
    left join rated on versions.version_id = rated.version_id
    where versions.is_addressed and said_beside.usable_answers > 0 and rated.version_id is null

)

select
    findings.interview_id || ':' || findings.dimension as finding_id,
    coalesce(findings.interview_id, versions.interview_id) as interview_id,
    'survey' as source_type,
    cast(null as {{ dbt.type_string() }}) as coder,
    versions.crm_contact_id,
    versions.respondent_key,
    versions.respondent_role,
    versions.crm_account_id,
    versions.domain,
    findings.dimension,
    findings.rating,
    case when findings.rating is not null then said_beside.revisit_on end as revisit_on,
    case when findings.rating is not null then said_beside.pressure_type end as pressure_type,
    case when findings.rating is not null then said_beside.deadline_on end as deadline_on,
    case when findings.rating is not null then said_beside.constraint_type end as constraint_type,
    versions.held_on,
    versions.version_at,
    versions.is_first_load,
    versions.known_date,
    findings.fault,
    versions.file,
    versions.file_row,
    findings.question
from findings
inner join versions on findings.version_id = versions.version_id
left join said_beside on findings.version_id = said_beside.version_id
where findings.fault is null or versions.is_latest
