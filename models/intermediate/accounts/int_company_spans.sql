{%- set attributes = [
    'industry', 'employees', 'revenue_usd', 'country', 'technologies', 'fiscal_year_end_month'
] -%}

with delivered as (

    select
        *,
        row_number() over (
            partition by record_key, version_at order by load_id, length(website), company_name
        ) as delivery_order
    from {{ ref('stg_firmographics__companies') }}
    where company_key is not null and not is_conflicting

),

records as (

    select
        *,
        row_number() over (partition by record_key order by version_at) as version_order
    from delivered
    where delivery_order = 1

),

statuses as (

    select * from {{ ref('company_statuses') }}

),

-- A register tells no creation date: what its first delivery says is taken to hold always.
versions as (

    select
        record_key,
        company_key,
        company_id,
        domain,
        website,
        company_name,
        status,
        parent_company_id,
        parent_domain,
        {{ attributes | join(', ') }},
        version_at,
        {{ backfilled_from(ever_since(), 'version_order = 1') }} as valid_from
    from records

),

in_force as (

    {{ versions_in_force('versions', 'record_key') }}

),

-- A provider that begins to deliver ids goes on with the company it named by the domain before.
named_by_id as (

    select domain, min(valid_from) as valid_from
    from in_force
    where company_id is not null and domain is not null
    group by domain

),

spans as (

    select
        in_force.*,
        case
            when in_force.company_id is null
                then least(
                    in_force.valid_to, coalesce(named_by_id.valid_from, in_force.valid_to)
                )
            else in_force.valid_to
        end as holds_to
    from in_force
    left join named_by_id on in_force.domain = named_by_id.domain

)

select
    spans.record_key,
    spans.company_key,
    spans.company_id,
    spans.domain,
    spans.website,
    spans.company_name,
    {{ plain_name('spans.company_name') }} as plain_name,
    statuses.standing,
    spans.parent_company_id,
    spans.parent_domain,
    {%- for attribute in attributes %}
    spans.{{ attribute }},
    {%- endfor %}
    spans.valid_from,
    spans.holds_to as valid_to
from spans
left join statuses on spans.status = statuses.status
where spans.valid_from < spans.holds_to
