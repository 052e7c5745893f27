-- Guards: the attributes that fit criteria, views of the ideal customer and personas name are
-- attributes of accounts or custom fields; a misspelt one would hold for no account and nobody
-- would see it.
-- Does not guard: that the values they name occur.
with known as (

    {% for attribute in [
        'all', 'employee_band', 'region', 'account_name', 'industry', 'country', 'account_type',
        'owner_id', 'parent_crm_account_id', 'employees', 'revenue_usd', 'technologies',
        'fiscal_year_end_month', 'target_tier', 'primary_domain', 'satisfaction',
        'account_profit_usd'
    ] -%}
    select '{{ attribute }}' as attribute
    union all
    {% endfor -%}
    select attribute from {{ ref('custom_fields') }}

),

named as (

    select 'fit_criteria' as seed, attribute from {{ ref('fit_criteria') }}
    union all
    select 'icp_views', attribute from {{ ref('icp_views') }}
    union all
    select 'personas', segment_type from {{ ref('personas') }}

)

select named.seed, named.attribute
from named
left join known on named.attribute = known.attribute
where known.attribute is null
