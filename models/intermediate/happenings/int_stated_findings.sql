{%- set facts = [
    'finding_id', 'interview_id', 'source_type', 'coder', 'crm_contact_id', 'respondent_key',
    'respondent_role', 'crm_account_id', 'domain', 'dimension', 'rating', 'revisit_on',
    'pressure_type', 'deadline_on', 'constraint_type', 'held_on', 'valid_from', 'valid_to'
] -%}

with interview_versions as (

    select
        interview_id, domain, crm_account_id, respondent_role, crm_contact_id, source_type,
        held_on, coder, is_retracted, version_at, known_date as valid_from
    from {{ ref('stg_research__interviews') }}

),

interviews_in_force as (

    {{ versions_in_force('interview_versions', 'interview_id') }}

),

-- Findings have no date of their own: those of the first load were recorded with their interview.
finding_versions as (

    select
        finding_id, interview_id, dimension, rating, coder, revisit_on, pressure_type,
        deadline_on, constraint_type, is_retracted,
        cast(delivery_date as timestamp) as version_at,
        case when is_first_load then {{ ever_since() }} else delivery_date end as valid_from
    from {{ ref('stg_research__findings') }}

),

findings_in_force as (

    {{ versions_in_force('finding_versions', 'finding_id') }}

),

-- Answers of survey forms and fields that people fill in the CRM after a call: a later version
-- takes the place of an earlier one, and one without a rating takes it back.
answer_versions as (

    {% for model in ['int_survey_answers', 'int_crm_findings'] %}
    select
        {{ facts[:-2] | join(', ') }}, version_at, known_date as valid_from
    from {{ ref(model) }}
    where fault is null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

answers_in_force as (

    {{ versions_in_force('answer_versions', 'finding_id') }}

),

recorded as (

    select
        findings.finding_id,
        findings.interview_id,
        interviews.source_type,
        coalesce(findings.coder, interviews.coder) as coder,
        interviews.crm_contact_id,
        cast(null as {{ dbt.type_string() }}) as respondent_key,
        interviews.respondent_role,
        interviews.crm_account_id,
        interviews.domain,
        findings.dimension,
        findings.rating,
        findings.revisit_on,
        findings.pressure_type,
        findings.deadline_on,
        findings.constraint_type,
        interviews.held_on,
        greatest(findings.valid_from, interviews.valid_from) as valid_from,
        least(findings.valid_to, interviews.valid_to) as valid_to
    from findings_in_force as findings
    inner join interviews_in_force as interviews
        on
            findings.interview_id = interviews.interview_id
            and findings.valid_from < interviews.valid_to
            and interviews.valid_from < findings.valid_to
    where not findings.is_retracted and not interviews.is_retracted

    union all

    select {{ facts | join(', ') }}
    from answers_in_force
    where rating is not null

),

person_records as (

    select
        record_id,
        person_id,
        account_id,
        title,
        department,
        {{ sha256_hex('email') }} as email_sha256,
        valid_from as record_valid_from,
        valid_to as record_valid_to
    from {{ ref('int_person_records') }}

),

-- One who was interviewed and filled in a form is one voice.
known_people as (

    select
        recorded.finding_id,
        recorded.valid_from,
        1 as precedence,
        records.*
    from recorded
    inner join person_records as records on recorded.crm_contact_id = records.record_id

    union all

    select
        recorded.finding_id,
        recorded.valid_from,
        2 as precedence,
        records.*
    from recorded
    inner join person_records as records on recorded.respondent_key = records.email_sha256

),

-- As known on the day from which the finding is.
people as (

    select
        *,
        row_number() over (
            partition by finding_id, valid_from order by precedence, record_id
        ) as record_order
    from known_people
    where valid_from >= record_valid_from and valid_from < record_valid_to

),

heard as (

    select
        recorded.*,
        people.person_id,
        people.account_id as contact_account_id,
        people.title,
        people.department
    from recorded
    left join people
        on
            recorded.finding_id = people.finding_id
            and recorded.valid_from = people.valid_from
            and people.record_order = 1

),

title_personas as (

    select *, coalesce(persona, 'other') as role
    from {{ ref('int_title_personas') }}
    where is_mapped

),

personas as (

    select distinct persona from {{ ref('personas') }}

),

known_roles as (

    select persona as role_name, persona, 1.0 as confidence_share from personas
    union all
    select role, persona, confidence_share from {{ ref('persona_roles') }}

),

role_texts as (

    select distinct respondent_role
    from recorded
    where respondent_role is not null

),

-- A role is a persona's name, a word that sellers use for one, or a title.
role_claims as (

    select
        role_texts.respondent_role,
        known_roles.persona,
        1 as precedence,
        known_roles.confidence_share
    from role_texts
    inner join known_roles
        on
            {{ plain_words('role_texts.respondent_role') }}
            = {{ plain_words('known_roles.role_name') }}

    union all

    select
        role_texts.respondent_role,
        title_personas.role,
        2,
        title_personas.confidence_share
    from role_texts
    inner join title_personas
        on
            role_texts.respondent_role = title_personas.title
            and title_personas.department is null

),

roles as (

    select
        respondent_role,
        persona,
        row_number() over (
            partition by respondent_role
            order by precedence asc, confidence_share desc, persona asc
        ) as claim_order
    from role_claims

)

select
    heard.finding_id,
    heard.interview_id,
    heard.source_type,
    {{ sha256_hex("""coalesce(
        'person ' || heard.person_id,
        'contact ' || heard.crm_contact_id,
        'address ' || heard.respondent_key,
        'interview ' || heard.interview_id
    )""") }} as respondent,
    coalesce(roles.persona, title_personas.role, 'other') as role,
    heard.respondent_role is null
    or coalesce(roles.persona, title_personas.role) is not null as is_role_known,
    heard.respondent_role,
    heard.contact_account_id,
    heard.crm_account_id,
    heard.domain,
    heard.dimension,
    heard.coder,
    heard.rating,
    heard.revisit_on,
    -- Free text is not passed on.
    case when heard.pressure_type is not null
        then coalesce(pressure_types.pressure_type, 'other') end as pressure_type,
    heard.deadline_on,
    case when heard.constraint_type is not null
        then coalesce(constraint_types.constraint_type, 'other') end as constraint_type,
    heard.held_on,
    heard.valid_from,
    heard.valid_to
from heard
left join roles on heard.respondent_role = roles.respondent_role and roles.claim_order = 1
left join title_personas
    on
        heard.title = title_personas.title
        and heard.department is not distinct from title_personas.department
left join {{ ref('pressure_types') }} as pressure_types
    on replace({{ plain_text('heard.pressure_type') }}, ' ', '_') = pressure_types.pressure_type
left join {{ ref('constraint_types') }} as constraint_types
    on
        replace({{ plain_text('heard.constraint_type') }}, ' ', '_')
        = constraint_types.constraint_type
