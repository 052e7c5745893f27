with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

person_spans as (

    select * from {{ ref('int_person_spans') }}
    where {{ on_last_day() }}

),

people as (

    select account_id, count(*) as contacts, sum(presence_probability) as expected_valid_contacts
    from person_spans
    where absence_reason is distinct from 'deleted'
    group by account_id

),

personas as (

    select
        account_id,
        count(*) as required_personas,
        sum(required_people) as required_people,
        sum(case when not is_whitespace then 1 else 0 end) as covered_personas
    from {{ ref('account_persona_coverage') }}
    group by account_id

)

select
    features.account_id,
    names.account_name,
    names.owner_name,
    features.as_of_date,
    features.coverage_share,
    features.reached_coverage_share,
    features.engaged_coverage_share,
    case
        when features.coverage_unknown_reason is not null then 'unknown'
        when
            features.reached_coverage_share < {{ var('coverage_limited_min_share') }}
            then 'minimal'
        when
            features.reached_coverage_share < {{ var('coverage_meaningful_min_share') }}
            then 'limited'
        when
            features.reached_coverage_share < {{ var('coverage_full_min_share') }}
            then 'meaningful'
        else 'full'
    end as coverage_level,
    features.coverage_unknown_reason,
    cast(coalesce(people.contacts, 0) as bigint) as contacts,
    round(coalesce(people.expected_valid_contacts, 0), 6) as expected_valid_contacts,
    cast(coalesce(personas.required_personas, 0) as bigint) as required_personas,
    case
        when features.coverage_unknown_reason is null
            then cast(coalesce(personas.covered_personas, 0) as bigint)
    end as covered_personas,
    features.engaged_people = 1 and coalesce(personas.required_people, 0) >= 2 as is_single_threaded
from features
left join names on features.account_id = names.account_id
left join people on features.account_id = people.account_id
left join personas on features.account_id = personas.account_id
