with people as (

    select * from {{ ref('int_people') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to and is_present

),

-- A blank title tells nothing, and a title with an address or a long number may name a person.
title_personas as (

    select * from {{ ref('int_title_personas') }}
    where not is_mapped and not is_departed
        and title_text not in (
            ''
            {%- for blank in var('blank_titles') %},
            '{{ blank }}'
            {%- endfor %}
        )
        and title not like '%@%'
        and length({{ digits_of('title') }}) < {{ var('title_max_digits') }}

),

accounts as (

    select * from {{ ref('accounts') }}

),

unmapped as (

    select
        title_personas.title_text as title,
        people.department,
        people.person_id,
        people.account_id,
        accounts.is_target
    from people
    inner join title_personas
        on
            people.title = title_personas.title
            and people.department is not distinct from title_personas.department
    inner join accounts on people.account_id = accounts.account_id

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
