with records as (

    select * from {{ ref('int_person_records') }}
    where account_id is not null

),

persona_titles as (

    select * from {{ ref('persona_titles') }}

),

seniority_titles as (

    select * from {{ ref('seniority_titles') }}

),

seniority_levels as (

    select * from {{ ref('seniority_levels') }}

),

persona_overrides as (

    select * from {{ ref('persona_overrides') }}

),

departed_titles as (

    select * from {{ ref('departed_titles') }}

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

),

titles as (

    select distinct
        title,
        department,
        ' '
        || regexp_replace(lower(coalesce(title, '')), '[^[:alnum:]&]+', ' ', 'g')
        || ' ' as title_words,
        lower(coalesce(department, '')) as department_words
    from winners

),

departed as (

    select distinct titles.title
    from titles
    inner join departed_titles on titles.title_words like departed_titles.title_pattern

),

-- Each title maps to one persona and one level of seniority: the rule of the first rank that holds.
title_personas as (

    select
        titles.title,
        titles.department,
        persona_titles.persona,
        persona_titles.confidence_share,
        row_number() over (
            partition by titles.title, titles.department order by persona_titles.rule_rank
        ) as rule_order
    from titles
    inner join persona_titles
        on
            titles.title_words like persona_titles.title_pattern
            and titles.department_words like persona_titles.department_pattern

),

title_seniorities as (

    select
        titles.title,
        titles.department,
        seniority_titles.seniority,
        seniority_levels.multiplier,
        row_number() over (
            partition by titles.title, titles.department order by seniority_titles.rule_rank
        ) as rule_order
    from titles
    inner join seniority_titles on titles.title_words like seniority_titles.title_pattern
    inner join seniority_levels on seniority_titles.seniority = seniority_levels.seniority

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
    winners.is_contactable and departed.title is null as is_contactable,
    winners.is_present and departed.title is null as is_present,
    winners.created_date,
    coalesce(persona_overrides.persona, title_personas.persona) as persona,
    case
        when persona_overrides.persona is not null then 1.0
        else coalesce(title_personas.confidence_share, 0.0)
    end as persona_confidence_share,
    coalesce(title_seniorities.seniority, 'other') as seniority
from winners
left join departed on winners.title = departed.title
left join title_personas
    on
        winners.title is not distinct from title_personas.title
        and winners.department is not distinct from title_personas.department
        and title_personas.rule_order = 1
left join title_seniorities
    on
        winners.title is not distinct from title_seniorities.title
        and winners.department is not distinct from title_seniorities.department
        and title_seniorities.rule_order = 1
left join persona_overrides on winners.email = lower(persona_overrides.email)
