with persona_spans as (

    select * from {{ ref('int_persona_spans') }}
    where {{ on_last_day() }} and is_required

),

names as (

    select * from {{ ref('int_account_names') }}

),

accounts as (

    select account_id, as_of_date, coverage_unknown_reason is null as is_known
    from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

)

select
    accounts.account_id,
    names.account_name,
    names.owner_name,
    accounts.as_of_date,
    persona_spans.persona,
    persona_spans.decision_role,
    persona_spans.required_people,
    {%- for name, column in [
        ('filed_people', 'expected_people'),
        ('reached_people', 'reached_people'),
        ('engaged_people', 'engaged_people'),
        ('filed_share', 'covered_share'),
        ('reached_share', 'reached_covered_share'),
        ('engaged_share', 'engaged_covered_share'),
    ] %}
    case when accounts.is_known then persona_spans.{{ name }} end as {{ column }},
    {%- endfor %}
    case
        when accounts.is_known
            then persona_spans.filed_share < {{ var('persona_covered_min_share') }}
    end as is_whitespace,
    composites.daily_work,
    composites.challenges,
    composites.goals,
    composites.motivation,
    composites.part_in_decision
from accounts
left join names on accounts.account_id = names.account_id
inner join persona_spans on accounts.account_id = persona_spans.account_id
left join {{ ref('persona_composites') }} as composites
    on persona_spans.persona = composites.persona
