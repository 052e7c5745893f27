with exclusions as (

    select
        domain,
        {{ long_id('crm_account_id') }} as crm_account_id,
        reason,
        valid_from,
        coalesce(valid_to, {{ forever() }}) as valid_to
    from {{ ref('account_exclusions') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}
    where {{ on_last_day() }}

)

-- A row that names both excludes whom either names: to leave one too many alone does less harm
-- than to reach one that must not be reached.
select
    survivors.account_id,
    exclusions.reason,
    exclusions.valid_from,
    exclusions.valid_to
from exclusions
inner join survivors on exclusions.crm_account_id = survivors.crm_account_id

union

select
    domain_owners.account_id,
    exclusions.reason,
    exclusions.valid_from,
    exclusions.valid_to
from exclusions
inner join domain_owners on exclusions.domain = domain_owners.domain
