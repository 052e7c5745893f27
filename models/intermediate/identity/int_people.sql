with records as (

    select * from {{ ref('int_person_records') }}
    where account_id is not null

),

title_personas as (

    select * from {{ ref('int_title_personas') }}

),

persona_overrides as (

    select * from {{ ref('persona_overrides') }}

),

winners as (

    {{ winning_claims(
        'records', key=['person_id'],
        columns=[
            'account_id', 'record_id', 'email', 'title', 'department', 'buying_role',
            'is_contactable', 'is_present', 'created_date'
        ],
        order_by='''records.is_present desc, records.precedence, records.source_rank,
            records.created_date, records.record_id'''
    ) }}

)

select
    winners.person_id,
    winners.valid_from,
    winners.valid_to,
    winners.account_id,
    winners.record_id,
    winners.email,
    winners.title,
    winners.department,
    winners.buying_role,
    winners.is_contactable and not title_personas.is_departed as is_contactable,
    winners.is_present and not title_personas.is_departed as is_present,
    winners.created_date,
    coalesce(persona_overrides.persona, title_personas.persona) as persona,
    case
        when persona_overrides.persona is not null then 1.0
        else title_personas.confidence_share
    end as persona_confidence_share,
    title_personas.seniority
from winners
inner join title_personas
    on
        winners.title is not distinct from title_personas.title
        and winners.department is not distinct from title_personas.department
left join persona_overrides on winners.email = lower(persona_overrides.email)
