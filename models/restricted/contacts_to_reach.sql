{#- Of the sources that bring people, those that bring accounts too are CRMs. -#}
{%- set crm_ranks = sources_of('accounts') | map(attribute='rank') | unique | list -%}

with plays as (

    select * from {{ ref('account_plays') }}
    where first_touch_hours is not null

),

people as (

    select * from {{ ref('int_people') }}
    where {{ on_last_day() }}
        and is_contactable and is_present

),

person_records as (

    select * from {{ ref('int_person_records') }}
    where {{ on_last_day() }}

),

contact_exclusions as (

    select * from {{ ref('contact_exclusions') }}
    where {{ end_date() }} >= valid_from
        and {{ end_date() }} < coalesce(valid_to, {{ forever() }})

),

personas as (

    select * from {{ ref('int_persona_spans') }}
    where {{ on_last_day() }}

),

acts as (

    select * from {{ ref('int_account_acts') }}
    where {{ on_last_day() }} and person_id is not null

),

-- A person is excluded, and has objected, by any of the records that are that person.
excluded_people as (

    select distinct person_records.person_id
    from person_records
    inner join contact_exclusions
        on
            person_records.named_id = {{ long_id('contact_exclusions.crm_person_id') }}
            or {{ sha256_hex('lower(trim(person_records.email))') }}
            = lower(contact_exclusions.email_sha256)

    union

    select person_id from person_records
    where absence_reason = 'opted_out'

),

-- The record of a CRM by which the account's owner finds the person: what says whose person it is
-- goes before what does not, so a contact before a lead.
crm_records as (

    select
        person_id,
        account_id,
        record_id,
        row_number() over (
            partition by person_id, account_id
            order by precedence asc, source_rank asc, created_date asc, record_id asc
        ) as record_order
    from person_records
    where is_present and source_rank in ({{ crm_ranks | join(', ') }})

),

record_sources as (

    select distinct
        person_id,
        record_id,
        case source_rank
            {%- for source in var('sources') %}
            when {{ loop.index }} then '{{ source }}'
            {%- endfor %}
        end as source
    from person_records

),

last_acts as (

    select
        account_id,
        person_id,
        max(case when is_own_touch then occurred_date end) as last_touch_on,
        max(case when reaches_person and not is_own_touch then occurred_date end) as last_act_on
    from acts
    where quantity > 0
    group by account_id, person_id

),

candidates as (

    select
        plays.account_id,
        plays.as_of_date,
        plays.play_id,
        plays.owner_function,
        people.person_id,
        crm_records.record_id as crm_contact_id,
        people.record_id,
        record_sources.source,
        people.persona,
        personas.decision_role,
        coalesce(personas.is_required, false) as is_required,
        personas.required_people,
        personas.reached_people,
        personas.weight,
        coalesce(
            personas.is_required
            and personas.reached_share < {{ var('persona_covered_min_share') }},
            false
        ) as is_whitespace,
        last_acts.last_touch_on,
        last_acts.last_act_on
    from plays
    inner join people on plays.account_id = people.account_id
    left join personas
        on people.account_id = personas.account_id and people.persona = personas.persona
    left join last_acts
        on people.account_id = last_acts.account_id and people.person_id = last_acts.person_id
    left join excluded_people on people.person_id = excluded_people.person_id
    left join crm_records
        on
            people.person_id = crm_records.person_id
            and people.account_id = crm_records.account_id
            and crm_records.record_order = 1
    left join record_sources
        on
            people.person_id = record_sources.person_id
            and people.record_id = record_sources.record_id
    -- An id that holds an address would say who it is.
    where excluded_people.person_id is null
        and people.record_id not like '%@%'
        and coalesce(crm_records.record_id, '') not like '%@%'

),

-- The first person of each persona comes before the second of any, so that the list has all roles.
ordered as (

    select
        candidates.*,
        max(persona is not null) over (partition by account_id) as is_any_persona_known,
        row_number() over (
            partition by account_id, persona
            order by
                case when last_act_on is null then 1 else 0 end asc,
                case when last_touch_on is null then 0 else 1 end asc,
                last_touch_on asc,
                person_id asc
        ) as order_in_persona
    from candidates

),

ranked as (

    select
        ordered.*,
        row_number() over (
            partition by account_id
            order by
                is_whitespace desc,
                is_required desc,
                order_in_persona asc,
                weight desc,
                person_id asc
        ) as contact_rank
    from ordered
    -- People without a persona are listed only where nobody of the account has one.
    where persona is not null or not is_any_persona_known

)

select
    account_id,
    cast(contact_rank as integer) as contact_rank,
    as_of_date,
    crm_contact_id,
    record_id,
    source,
    persona,
    decision_role,
    -- Sources bring objections only, never a consent: docs/method.md.
    'no_objection_known' as consent,
    is_whitespace,
    last_touch_on,
    last_act_on,
    play_id,
    owner_function,
    coalesce('Role: ' || {{ persona_words('persona') }}, 'Role unknown')
    || case
        when is_whitespace then
            ' (' || {{ in_words('required_people', 0) }} || ' needed, '
            || {{ in_words('reached_people', 1) }} || ' reached so far: people count by the chance'
            || ' that they hold the role)'
        when is_required then ' (enough are reached)'
        when persona is not null then ' (not needed for the buying committee)'
        else ''
    end
    || coalesce(
        '; last active on ' || cast(last_act_on as {{ dbt.type_string() }}),
        '; not active in {{ var("max_age_days") }} days'
    )
    || coalesce(
        '; last touched by us on ' || cast(last_touch_on as {{ dbt.type_string() }}),
        '; not touched by us in {{ var("max_age_days") }} days'
    )
    || '.' as why
from ranked
where contact_rank <= {{ var('contacts_to_reach_per_account') }}
