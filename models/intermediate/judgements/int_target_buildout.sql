{%- set people_facts = [
    'people', 'present_people', 'contactable_people', 'expected_people_e6', 'unmapped_people',
    'bounced_people', 'opted_out_people', 'departed_people', 'stale_people', 'outdated_people'
] -%}

with target_days as (

    select * from {{ ref('int_account_gap_days') }}
    where is_target and (is_month_end or as_of_date = {{ end_date() }})

),

features as (

    select * from {{ ref('feat_account_days') }}

),

identities as (

    select * from {{ ref('int_accounts') }}

),

records as (

    select
        *,
        absence_reason is null as is_present
    from {{ ref('int_target_records') }}

),

persona_spans as (

    select * from {{ ref('int_persona_spans') }}
    where is_required

),

account_people as (

    select
        as_of_date,
        account_id,
        sum(people) as people,
        sum(case when is_present then people else 0 end) as present_people,
        sum(contactable_people) as contactable_people,
        sum(expected_people_e6) as expected_people_e6,
        sum(case when is_present then unmapped_people else 0 end) as unmapped_people,
        {%- for reason in ['bounced', 'opted_out', 'departed'] %}
        sum(case when absence_reason = '{{ reason }}' then people else 0 end)
            as {{ reason }}_people,
        {%- endfor %}
        sum(
            case
                when is_present and months_since_verified >= {{ var('record_stale_months') }}
                    then people
                else 0
            end
        ) as stale_people,
        sum(
            case
                when is_present and months_since_verified >= {{ var('record_outdated_months') }}
                    then people
                else 0
            end
        ) as outdated_people
    from records
    group by as_of_date, account_id

),

account_seats as (

    select
        target_days.as_of_date,
        target_days.account_id,
        count(*) as required_personas,
        sum(
            case
                when persona_spans.filed_share >= {{ var('persona_covered_min_share') }} then 1
                else 0
            end
        ) as present_personas,
        sum(persona_spans.required_people) as required_seats,
        sum(cast(
            round(persona_spans.filed_share * persona_spans.required_people * 1000000) as bigint
        )) as filled_seats_e6
    from target_days
    inner join persona_spans
        on
            target_days.account_id = persona_spans.account_id
            and target_days.coverage_unknown_reason is null
            and target_days.as_of_date >= persona_spans.valid_from
            and target_days.as_of_date < persona_spans.valid_to
    group by target_days.as_of_date, target_days.account_id

)

select
    target_days.as_of_date,
    target_days.is_month_end,
    target_days.account_id,
    target_days.lifecycle,
    target_days.fit_tier,
    target_days.target_tier,
    target_days.industry,
    target_days.region,
    target_days.owner_id,
    target_days.employee_band,
    case when identities.is_in_crm then 1 else 0 end as present_accounts,
    case when account_people.present_people > 0 then 1 else 0 end as accounts_with_contacts,
    case when features.coverage_share is null then 0 else 1 end as coverage_known_accounts,
    cast(round(features.coverage_share * 1000000) as bigint) as coverage_e6,
    {%- for fact in [
        'required_personas', 'present_personas', 'required_seats', 'filled_seats_e6'
    ] %}
    coalesce(account_seats.{{ fact }}, 0) as {{ fact }},
    {%- endfor %}
    {%- for fact in people_facts %}
    coalesce(account_people.{{ fact }}, 0) as {{ fact }}{{ ',' if not loop.last }}
    {%- endfor %}
from target_days
inner join features
    on
        target_days.account_id = features.account_id
        and target_days.as_of_date = features.as_of_date
inner join identities
    on
        target_days.account_id = identities.account_id
        and target_days.as_of_date >= identities.valid_from
        and target_days.as_of_date < identities.valid_to
left join account_people
    on
        target_days.account_id = account_people.account_id
        and target_days.as_of_date = account_people.as_of_date
left join account_seats
    on
        target_days.account_id = account_seats.account_id
        and target_days.as_of_date = account_seats.as_of_date
