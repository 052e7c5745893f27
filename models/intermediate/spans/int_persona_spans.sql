{%- set measures = ['filed', 'reached', 'engaged'] -%}
{%- set requirement = [
    'persona', 'rule_rank', 'decision_role', 'weight', 'required_people', 'is_required'
] -%}

with person_spans as (

    select * from {{ ref('int_person_spans') }}
    where persona is not null and seat_probability > 0

),

reach_spans as (

    select * from {{ ref('int_reach_spans') }}

),

profiles as (

    select * from {{ ref('int_account_profiles') }}

),

personas as (

    select * from {{ ref('personas') }}

),

attributes as (

    select * from {{ ref('int_account_attributes') }}

),

accounts as (

    select distinct account_id from {{ ref('int_accounts') }}

),

-- Who is required on an account: of the rows of the seed that hold for it the one of lowest rank.
-- Of an account about which nothing is known yet is asked what is asked of all.
requirement_claims as (

    select
        accounts.account_id,
        {%- for column in requirement %}
        personas.{{ column }},
        {%- endfor %}
        {{ ever_since() }} as valid_from,
        {{ forever() }} as valid_to
    from accounts
    cross join personas
    where personas.segment_type = 'all'

    {% for attribute in ['employee_band', 'region'] %}
    union all

    select
        profiles.account_id,
        {%- for column in requirement %}
        personas.{{ column }},
        {%- endfor %}
        profiles.valid_from,
        profiles.valid_to
    from profiles
    inner join personas
        on
            personas.segment_type = '{{ attribute }}'
            and {{ is_one_of('profiles.' ~ attribute, 'personas.segment_value') }}
    {% endfor %}
    union all

    select
        attributes.account_id,
        {%- for column in requirement %}
        personas.{{ column }},
        {%- endfor %}
        attributes.valid_from,
        attributes.valid_to
    from attributes
    inner join personas
        on
            attributes.attribute = personas.segment_type
            and (
                {{ is_one_of('attributes.value_text', 'personas.segment_value') }}
                or {{ is_one_of('attributes.value_as_delivered', 'personas.segment_value') }}
            )

),

requirements as (

    {{ winning_claims(
        'requirement_claims', key=['account_id', 'persona'],
        columns=['decision_role', 'weight', 'required_people', 'is_required'],
        order_by='requirement_claims.rule_rank'
    ) }}

),

requirement_changes as (

    select * from requirements
    where valid_to > {{ replay_start_date() }} and valid_from <= {{ end_date() }}

),

-- People on file, those reached and those engaged, as dated spans.
measured_spans as (

    select
        account_id, person_id, persona, valid_from, valid_to, seat_probability, 'filed' as measure
    from person_spans

    {% for measure in ['reached', 'engaged'] %}
    union all

    select
        person_spans.account_id, person_spans.person_id, person_spans.persona,
        greatest(person_spans.valid_from, reach_spans.valid_from),
        least(person_spans.valid_to, reach_spans.valid_to),
        person_spans.seat_probability,
        '{{ measure }}'
    from person_spans
    inner join reach_spans
        on
            person_spans.account_id = reach_spans.account_id
            and person_spans.person_id = reach_spans.person_id
            and person_spans.valid_from < reach_spans.valid_to
            and reach_spans.valid_from < person_spans.valid_to
    where reach_spans.is_{{ measure }}
    {% endfor %}

),

-- For K people there independently, each with probability q: P(K = 0) is the product of 1 - q, and
-- P(K = 1), P(K = 2) follow from the power sums of the odds q / (1 - q). Kept as integers, running
-- sums of the terms are exact.
terms as (

    select
        account_id,
        persona,
        measure,
        valid_from,
        valid_to,
        cast(round(ln(1 - seat_probability) * 1e9) as bigint) as log_absent_e9,
        cast(round(seat_probability / (1 - seat_probability) * 1e6) as bigint) as odds_e6,
        cast(round(power(seat_probability / (1 - seat_probability), 2) * 1e6) as bigint)
            as squared_odds_e6,
        cast(round(seat_probability * 1e6) as bigint) as people_e6
    from measured_spans

),

changes as (

    {% for measure in measures %}
    {% for sign, changed_on in [('', 'valid_from'), ('-', 'valid_to')] %}
    select
        account_id,
        persona,
        {{ changed_on }} as changed_on,
        {%- for other in measures %}
        {%- for term in ['log_absent_e9', 'odds_e6', 'squared_odds_e6', 'people_e6'] %}
        {{ sign ~ term if other == measure else 'cast(0 as bigint)' }} as {{ other }}_{{ term }},
        {%- endfor %}
        {%- endfor %}
        cast(null as boolean) as is_requirement
    from terms
    where measure = '{{ measure }}'

    union all
    {% endfor %}
    {% endfor %}

    select
        account_id,
        persona,
        greatest(valid_from, {{ replay_start_date() }}) as changed_on,
        {%- for measure in measures %}
        cast(0 as bigint) as {{ measure }}_log_absent_e9,
        cast(0 as bigint) as {{ measure }}_odds_e6,
        cast(0 as bigint) as {{ measure }}_squared_odds_e6,
        cast(0 as bigint) as {{ measure }}_people_e6,
        {%- endfor %}
        true as is_requirement
    from requirement_changes

),

daily_changes as (

    select
        account_id,
        persona,
        changed_on,
        {%- for measure in measures %}
        {%- for term in ['log_absent_e9', 'odds_e6', 'squared_odds_e6', 'people_e6'] %}
        sum({{ measure }}_{{ term }})
            as {{ measure }}_{{ term }}{{ ',' if not (loop.last and measure == 'engaged') }}
        {%- endfor %}
        {%- endfor %}
    from changes
    where changed_on <= {{ end_date() }}
    group by account_id, persona, changed_on

),

running as (

    select
        account_id,
        persona,
        changed_on,
        lead(changed_on)
            over (partition by account_id, persona order by changed_on)
            as next_changed_on,
        {%- for measure in measures %}
        exp(sum({{ measure }}_log_absent_e9) over so_far / 1e9) as {{ measure }}_p0,
        sum({{ measure }}_odds_e6) over so_far / 1e6 as {{ measure }}_odds,
        sum({{ measure }}_squared_odds_e6) over so_far / 1e6 as {{ measure }}_squared_odds,
        sum({{ measure }}_people_e6) over so_far
        / 1e6 as {{ measure }}_people{{ ',' if not loop.last }}
        {%- endfor %}
    from daily_changes
    window so_far as (
        partition by account_id, persona order by changed_on
        rows between unbounded preceding and current row
    )

),

expected as (

    select
        running.account_id,
        running.persona,
        running.changed_on as valid_from,
        coalesce(running.next_changed_on, {{ forever() }}) as valid_to,
        requirement_changes.decision_role,
        requirement_changes.weight,
        requirement_changes.required_people,
        requirement_changes.is_required,
        {%- for measure in measures %}
        running.{{ measure }}_people,
        -- E[min(K, n)] / n for n = 1, 2, 3
        (
            requirement_changes.required_people
            - requirement_changes.required_people * running.{{ measure }}_p0
            - case when requirement_changes.required_people >= 2
                then (requirement_changes.required_people - 1)
                    * running.{{ measure }}_p0 * running.{{ measure }}_odds
                else 0 end
            - case when requirement_changes.required_people >= 3
                then running.{{ measure }}_p0
                    * (power(running.{{ measure }}_odds, 2) - running.{{ measure }}_squared_odds)
                    / 2
                else 0 end
        ) / requirement_changes.required_people as {{ measure }}_share{{ ',' if not loop.last }}
        {%- endfor %}
    from running
    inner join requirement_changes
        on
            running.account_id = requirement_changes.account_id
            and running.persona = requirement_changes.persona
            and running.changed_on >= requirement_changes.valid_from
            and running.changed_on < requirement_changes.valid_to

)

select
    account_id,
    persona,
    valid_from,
    valid_to,
    decision_role,
    weight,
    required_people,
    is_required,
    {%- for measure in measures %}
    round(greatest({{ measure }}_people, 0), 6) as {{ measure }}_people,
    round(least(greatest({{ measure }}_share, 0), 1), 6)
        as {{ measure }}_share{{ ',' if not loop.last }}
    {%- endfor %}
from expected
