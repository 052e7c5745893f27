with companies as (

    select
        domain,
        company_key,
        coalesce(standing, 'active') != 'active' as is_gone,
        parent_company_id is not null or parent_domain is not null as has_parent,
        length(website) as website_length,
        valid_from,
        valid_to
    from {{ ref('int_company_spans') }}
    where domain is not null

)

{{ winning_claims(
    'companies', key=['domain'], columns=['company_key', 'is_gone'],
    order_by='companies.is_gone, companies.has_parent, companies.website_length,'
        ~ ' companies.company_key'
) }}
