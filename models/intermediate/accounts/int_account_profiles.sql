with attributes as (

    select * from {{ ref('int_account_attributes') }}

),

regions as (

    select * from {{ ref('country_regions') }}

),

employee_bands as (

    select * from {{ ref('employee_bands') }}

),

boundaries as (

    select account_id, valid_from as boundary from attributes
    union
    select account_id, valid_to as boundary from attributes

),

stretches as (

    select
        account_id,
        boundary as valid_from,
        lead(boundary) over (partition by account_id order by boundary) as valid_to
    from boundaries

),

profiles as (

    select
        stretches.account_id,
        stretches.valid_from,
        stretches.valid_to,
        {%- for attribute in [
            'account_name', 'primary_domain', 'industry', 'country', 'owner_id', 'target_tier',
            'account_type', 'parent_crm_account_id'
        ] %}
        max(case when attributes.attribute = '{{ attribute }}' then attributes.value_text end)
            as {{ attribute }},
        {%- endfor %}
        max(case when attributes.attribute = 'employees' then attributes.value_number end)
            as employees,
        max(case when attributes.attribute = 'revenue_usd' then attributes.value_number end)
            as revenue_usd
    from stretches
    inner join attributes
        on
            stretches.account_id = attributes.account_id
            and stretches.valid_from >= attributes.valid_from
            and stretches.valid_from < attributes.valid_to
    where stretches.valid_to is not null
    group by stretches.account_id, stretches.valid_from, stretches.valid_to

)

select
    profiles.*,
    regions.region,
    employee_bands.employee_band
from profiles
left join regions on profiles.country = regions.country
left join employee_bands
    on
        profiles.employees >= employee_bands.min_employees
        and profiles.employees < coalesce(employee_bands.max_employees + 1, profiles.employees + 1)
