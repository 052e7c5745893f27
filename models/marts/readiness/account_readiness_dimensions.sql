with accounts as (

    select account_id, as_of_date from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

dimensions as (

    select * from {{ ref('research_dimensions') }}

),

posteriors as (

    select * from {{ ref('stg_scores__readiness_dimensions') }}
    where as_of_date = {{ end_date() }}

),

findings as (

    select * from {{ ref('int_research_findings') }}
    where {{ on_last_day() }}
        and held_on >= {{ add_days(end_date(), -var('research_max_age_days')) }}

),

-- What was said beside the rating: the newest word of each kind.
said as (

    select
        account_id,
        dimension,
        {%- for column in ['pressure_type', 'deadline_on', 'constraint_type'] %}
        arg_max(
            {{ column }}, cast(held_on as {{ dbt.type_string() }}) || finding_id
        ) filter (where {{ column }} is not null) as {{ column }},
        {%- endfor %}
        string_agg(distinct role, ', ' order by role) as roles_heard,
        max(held_on) as last_heard_on
    from findings
    group by account_id, dimension

)

select
    accounts.account_id,
    names.account_name,
    names.owner_name,
    accounts.as_of_date,
    dimensions.dimension,
    dimensions.dimension_order,
    posteriors.mean_share,
    posteriors.lower_80_share,
    posteriors.upper_80_share,
    coalesce(posteriors.evidence_weight, 0) as evidence_weight,
    posteriors.probability_above_half,
    posteriors.disagreement,
    coalesce(posteriors.is_known, false) as is_known,
    coalesce(posteriors.respondents, 0) as respondents,
    coalesce(posteriors.findings, 0) as findings,
    posteriors.expires_on,
    said.roles_heard,
    said.last_heard_on,
    said.pressure_type,
    said.deadline_on,
    said.constraint_type
from accounts
left join names on accounts.account_id = names.account_id
cross join dimensions
left join posteriors
    on
        accounts.account_id = posteriors.account_id
        and dimensions.dimension = posteriors.dimension
left join said
    on accounts.account_id = said.account_id and dimensions.dimension = said.dimension
