with people as (

    select * from {{ ref('int_people') }}
    where {{ on_last_day() }} and is_present

),

-- Blank titles teach the map nothing, and what holds an address or a number names a person: such
-- titles are to be filled in, and are one row.
title_personas as (

    select
        *,
        title is null
        or title_text in (
            ''
            {%- for blank in var('blank_titles') %},
            '{{ blank }}'
            {%- endfor %}
        )
        or title like '%@%'
        or length({{ digits_of('title') }}) >= {{ var('title_max_digits') }} as is_blank
    from {{ ref('int_title_personas') }}
    where not is_mapped and not is_departed

),

accounts as (

    select * from {{ ref('accounts') }}

),

unmapped as (

    select
        case when title_personas.is_blank then '(no title)' else title_personas.title_text end
            as title,
        people.department,
        people.person_id,
        people.account_id,
        accounts.is_target
    from people
    inner join title_personas
        on
            people.title is not distinct from title_personas.title
            and people.department is not distinct from title_personas.department
    inner join accounts on people.account_id = accounts.account_id
    -- Of who has no title some are known by a role that is stated in a CRM.
    where not title_personas.is_blank or people.persona is null

),

departments as (

    select
        title,
        department,
        row_number() over (
            partition by title order by count(*) desc, department asc
        ) as frequency_rank
    from unmapped
    where department is not null and department not like '%@%'
    group by title, department

),

titles as (

    select
        title,
        count(*) as people,
        count(distinct account_id) as accounts,
        count(distinct case when is_target then account_id end) as target_accounts
    from unmapped
    group by title

)

select
    {{ end_date() }} as as_of_date,
    titles.title,
    row_number() over (order by titles.people desc, titles.title asc) as frequency_rank,
    titles.people,
    titles.accounts,
    titles.target_accounts,
    departments.department as example_department
from titles
left join departments on titles.title = departments.title and departments.frequency_rank = 1
