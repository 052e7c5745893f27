{%- set sure = var('max_presence_probability') -%}

with persona_spans as (

    select * from {{ ref('int_persona_spans') }}
    where {{ on_last_day() }} and is_required

),

person_spans as (

    select * from {{ ref('int_person_spans') }}
    where {{ on_last_day() }}
        and persona is not null and seat_probability > 0

),

reach_spans as (

    select * from {{ ref('int_reach_spans') }}
    where {{ on_last_day() }}

),

-- P(none of the reached is there) and P(one is), and who is on file and not reached yet.
people as (

    select
        person_spans.account_id,
        person_spans.persona,
        exp(sum(case when reach_spans.is_reached
            then ln(1 - person_spans.seat_probability) else 0 end)) as p0,
        sum(case when reach_spans.is_reached
            then person_spans.seat_probability / (1 - person_spans.seat_probability)
        else 0 end) as odds,
        count(case when not coalesce(reach_spans.is_reached, false) then 1 end)
            as unreached_people
    from person_spans
    left join reach_spans
        on
            person_spans.account_id = reach_spans.account_id
            and person_spans.person_id = reach_spans.person_id
    group by person_spans.account_id, person_spans.persona

),

chances as (

    select
        persona_spans.account_id,
        persona_spans.persona,
        persona_spans.required_people,
        persona_spans.weight
        / sum(persona_spans.weight) over (partition by persona_spans.account_id) as weight_share,
        coalesce(people.unreached_people, 0) as unreached_people,
        1 - persona_spans.reached_share as missing_share,
        coalesce(people.p0, 1) as p0,
        coalesce(people.p0 * people.odds, 0) as p1
    from persona_spans
    left join people
        on
            persona_spans.account_id = people.account_id
            and persona_spans.persona = people.persona

),

-- One more person who is surely there adds P(K < n) / n, the next one P(K < n - 1) / n, and so on;
-- for n up to three these follow from what is missing and from P(K = 0) and P(K = 1).
steps as (

    select
        chances.*,
        1 as step,
        case required_people
            when 1 then p0
            when 2 then p0 + p1
            else required_people * missing_share - p0 - (p0 + p1)
        end as short_chance,
        case required_people when 1 then 0.0 when 2 then p0 else p0 + p1 end as next_chance,
        case when required_people = 3 then p0 else 0.0 end as last_chance
    from chances

),

-- Nobody is quite surely there: of the people before, one may be absent.
gains as (

    select
        account_id, persona, required_people, unreached_people, 1 as step,
        weight_share * {{ sure }} * short_chance / required_people as gain_share
    from steps

    union all

    select
        account_id, persona, required_people, unreached_people, 2 as step,
        weight_share * {{ sure }}
        * ({{ sure }} * next_chance + (1 - {{ sure }}) * short_chance) / required_people
    from steps
    where required_people >= 2

    union all

    select
        account_id, persona, required_people, unreached_people, 3 as step,
        weight_share * {{ sure }}
        * (
            {{ sure }} * {{ sure }} * last_chance
            + 2 * {{ sure }} * (1 - {{ sure }}) * next_chance
            + (1 - {{ sure }}) * (1 - {{ sure }}) * short_chance
        ) / required_people
    from steps
    where required_people >= 3

),

rounded as (

    select
        account_id,
        persona,
        step,
        step > unreached_people as is_to_find,
        round(greatest(gain_share, 0), 9) as gain_share
    from gains

)

select
    account_id,
    persona,
    step,
    is_to_find,
    gain_share,
    row_number() over by_gain as people_so_far,
    round(sum(gain_share) over by_gain, 9) as gain_so_far
from rounded
window by_gain as (
    partition by account_id order by gain_share desc, persona asc, step asc
    rows between unbounded preceding and current row
)
