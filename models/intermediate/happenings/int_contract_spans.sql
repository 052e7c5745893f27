with contracts as (

    select
        contract_id,
        crm_account_id,
        product,
        arr_usd,
        starts_on,
        ends_on,
        version_at,
        known_date as valid_from
    from {{ ref('stg_billing__contracts') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

contracts_in_force as (

    {{ versions_in_force('contracts', 'contract_id') }}

)

select
    survivors.account_id,
    contracts_in_force.contract_id,
    contracts_in_force.product,
    contracts_in_force.arr_usd,
    contracts_in_force.starts_on,
    coalesce(contracts_in_force.ends_on, {{ add_days(forever(), -1) }}) as ends_on,
    greatest(contracts_in_force.valid_from, survivors.valid_from) as valid_from,
    least(contracts_in_force.valid_to, survivors.valid_to) as valid_to
from contracts_in_force
inner join survivors
    on
        contracts_in_force.crm_account_id = survivors.crm_account_id
        and contracts_in_force.valid_from < survivors.valid_to
        and survivors.valid_from < contracts_in_force.valid_to
