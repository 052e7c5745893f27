with records as (

    select * from {{ ref('int_person_records') }}
    where account_id is not null

),

title_personas as (

    select * from {{ ref('int_title_personas') }}

),

stated_personas as (

    select * from {{ ref('int_stated_personas') }}

),

persona_overrides as (

    select * from {{ ref('persona_overrides') }}

),

winners as (

    {{ winning_claims(
        'records', key=['person_id'],
        columns=[
            'account_id', 'record_id', 'email', 'title', 'department', 'buying_role',
            'is_contactable', 'is_present', 'absence_reason', 'created_date'
        ],
        order_by='''records.is_present desc, records.precedence, records.source_rank,
            records.created_date, records.record_id'''
    ) }}

),

-- A person whose part is stated in the CRM is cut where that begins and ends.
boundaries as (

    select person_id, valid_from as boundary from winners
    union
    select person_id, valid_to from winners
    union
    select person_id, valid_from from stated_personas
    union
    select person_id, valid_to from stated_personas

),

stretches as (

    select
        person_id,
        boundary as valid_from,
        lead(boundary) over (partition by person_id order by boundary) as valid_to
    from boundaries

)

select
    winners.person_id,
    stretches.valid_from,
    stretches.valid_to,
    winners.account_id,
    winners.record_id,
    winners.email,
    winners.title,
    winners.department,
    winners.buying_role,
    winners.is_contactable and not title_personas.is_departed as is_contactable,
    winners.is_present and not title_personas.is_departed as is_present,
    coalesce(winners.absence_reason, case when title_personas.is_departed then 'departed' end)
        as absence_reason,
    winners.created_date,
    case
        when persona_overrides.persona is not null then persona_overrides.persona
        when stated_personas.confidence_share >= title_personas.confidence_share
            then stated_personas.persona
        else title_personas.persona
    end as persona,
    case
        when persona_overrides.persona is not null then 1.0
        else greatest(
            title_personas.confidence_share, coalesce(stated_personas.confidence_share, 0.0)
        )
    end as persona_confidence_share,
    title_personas.is_mapped
    or stated_personas.persona is not null
    or persona_overrides.persona is not null as is_mapped,
    title_personas.seniority
from stretches
inner join winners
    on
        stretches.person_id = winners.person_id
        and stretches.valid_from >= winners.valid_from
        and stretches.valid_from < winners.valid_to
inner join title_personas
    on
        winners.title is not distinct from title_personas.title
        and winners.department is not distinct from title_personas.department
left join stated_personas
    on
        stretches.person_id = stated_personas.person_id
        and stretches.valid_from >= stated_personas.valid_from
        and stretches.valid_from < stated_personas.valid_to
left join persona_overrides on winners.email = lower(persona_overrides.email)
