with exclusions as (

    select
        domain,
        crm_account_id,
        reason,
        valid_from,
        coalesce(valid_to, {{ forever() }}) as valid_to
    from {{ ref('account_exclusions') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

)

select
    coalesce(survivors.account_id, domain_owners.account_id) as account_id,
    exclusions.reason,
    exclusions.valid_from,
    exclusions.valid_to
from exclusions
left join survivors
    on {{ long_id("exclusions.crm_account_id") }} = survivors.crm_account_id
left join domain_owners
    on exclusions.crm_account_id is null and exclusions.domain = domain_owners.domain
where coalesce(survivors.account_id, domain_owners.account_id) is not null
