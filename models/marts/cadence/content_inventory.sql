{%- set day = end_date() -%}

with touches as (

    select * from {{ ref('int_touch_days') }}
    where touch_date > {{ add_days(day, -var('max_age_days')) }}

),

activity_types as (

    select * from {{ ref('activity_types') }}

),

elements as (

    select * from {{ ref('content_elements') }}

),

people as (

    select person_id, account_id, persona from {{ ref('int_people') }}
    where {{ on_last_day() }} and account_id is not null

),

states as (

    select * from {{ ref('int_account_states') }}

),

targets as (

    select account_id from {{ ref('int_target_accounts') }}
    where {{ on_last_day() }}

),

-- What we offered to whom, and in which state the account was on that day; none is known of days
-- before the first run. What is shown to a company goes to nobody in particular.
offers as (

    select
        case when touches.person_id is null then 'whole_account'
            else coalesce(people.persona, 'unknown') end as persona,
        coalesce(states.state, 'unknown') as state,
        touches.content_level,
        touches.offer_type,
        touches.account_id,
        touches.person_id,
        touches.touch_date,
        touches.touches
    from touches
    inner join activity_types on touches.activity_type = activity_types.activity_type
    left join people on touches.person_id = people.person_id
    left join states
        on
            touches.account_id = states.account_id
            and touches.touch_date >= states.valid_from
            and touches.touch_date < states.valid_to
    where activity_types.is_own_touch and touches.account_id is not null

),

-- An answer within sequence_answer_days of the offer, by the same person.
answers as (

    select distinct
        touches.person_id,
        touches.touch_date as answered_on
    from touches
    inner join activity_types on touches.activity_type = activity_types.activity_type
    where not activity_types.is_own_touch and activity_types.reaches_person
        and touches.person_id is not null

),

answered as (

    select distinct offers.person_id, offers.touch_date
    from offers
    inner join answers
        on
            offers.person_id = answers.person_id
            and offers.touch_date <= answers.answered_on
            and {{ add_days('offers.touch_date', var('sequence_answer_days')) }}
            >= answers.answered_on

),

summed as (

    select
        offers.persona,
        offers.state,
        offers.content_level,
        offers.offer_type,
        sum(offers.touches) as offers,
        count(distinct offers.account_id) as accounts,
        count(distinct offers.person_id) as people,
        count(distinct case when answered.person_id is not null then offers.person_id end)
            as people_who_answered
    from offers
    left join answered
        on offers.person_id = answered.person_id and offers.touch_date = answered.touch_date
    group by offers.persona, offers.state, offers.content_level, offers.offer_type

),

-- Seats of targets as they are today: for whom content is wanted.
wanted as (

    select
        people.persona,
        states.state,
        count(*) as people_there
    from people
    inner join targets on people.account_id = targets.account_id
    inner join states on people.account_id = states.account_id
    where people.persona is not null
        and {{ on_last_day('states.') }}
    group by people.persona, states.state

),

levels as (

    {{ rows_of_words(['account', 'persona', 'buyer'], 'content_level') }}

),

cells as (

    select wanted.persona, wanted.state, levels.content_level, wanted.people_there
    from wanted
    cross join levels

),

missing_cells as (

    select cells.*
    from cells
    left join summed
        on
            cells.persona = summed.persona
            and cells.state = summed.state
            and cells.content_level = summed.content_level
    where summed.persona is null

),

offered_types as (

    select distinct offer_type from offers

),

missing_types as (

    select
        elements.offer_type,
        string_agg(
            elements.function_name || ': ' || elements.element, '; '
            order by elements.function_name, elements.element
        ) as element_names
    from elements
    left join offered_types on elements.offer_type = offered_types.offer_type
    where offered_types.offer_type is null
    group by elements.offer_type

),

element_lists as (

    select
        offer_type,
        string_agg(
            function_name || ': ' || element, '; ' order by function_name, element
        ) as element_names
    from elements
    group by offer_type

),

rows_of_all as (

    select
        summed.persona,
        summed.state,
        summed.content_level,
        summed.offer_type,
        element_lists.element_names,
        cells.people_there,
        summed.offers,
        summed.accounts,
        summed.people,
        summed.people_who_answered,
        'none' as gap
    from summed
    left join element_lists on summed.offer_type = element_lists.offer_type
    left join cells
        on
            summed.persona = cells.persona
            and summed.state = cells.state
            and summed.content_level = cells.content_level

    union all

    select
        persona, state, content_level, 'any', null, people_there, 0, 0, 0, 0, 'nothing_offered'
    from missing_cells

    union all

    select
        'any', 'any', 'any', offer_type, element_names, null, 0, 0, 0, 0, 'never_offered'
    from missing_types

)

select
    {{ day }} as as_of_date,
    persona,
    state,
    content_level,
    offer_type,
    element_names,
    gap,
    cast(people_there as bigint) as people_there,
    cast(offers as bigint) as offers,
    cast(accounts as bigint) as accounts,
    cast(people as bigint) as people_offered,
    cast(people_who_answered as bigint) as people_who_answered,
    cast(round(
        cast(people_who_answered as double) / nullif(people, 0), 6
    ) as double) as answer_share
from rows_of_all
