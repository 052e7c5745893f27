with memberships as (

    select * from {{ ref('int_target_memberships') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

by_crm_id as (

    select
        coalesce(survivors.account_id, memberships.crm_account_id) as account_id,
        memberships.account_name,
        memberships.target_tier,
        memberships.selection_basis,
        memberships.selected_by,
        memberships.listed_on,
        memberships.programme_start_date,
        greatest(memberships.valid_from, coalesce(survivors.valid_from, memberships.valid_from))
            as valid_from,
        least(memberships.valid_to, coalesce(survivors.valid_to, memberships.valid_to)) as valid_to
    from memberships
    left join survivors
        on
            memberships.crm_account_id = survivors.crm_account_id
            and memberships.valid_from < survivors.valid_to
            and survivors.valid_from < memberships.valid_to
    where memberships.crm_account_id is not null

),

-- A target named by its domain alone is whoever owns the domain on the day.
by_domain as (

    select
        coalesce(domain_owners.account_id, 'domain:' || memberships.domain) as account_id,
        memberships.account_name,
        memberships.target_tier,
        memberships.selection_basis,
        memberships.selected_by,
        memberships.listed_on,
        memberships.programme_start_date,
        greatest(memberships.valid_from, coalesce(domain_owners.valid_from, memberships.valid_from))
            as valid_from,
        least(memberships.valid_to, coalesce(domain_owners.valid_to, memberships.valid_to))
            as valid_to
    from memberships
    left join domain_owners
        on
            memberships.domain = domain_owners.domain
            and memberships.valid_from < domain_owners.valid_to
            and domain_owners.valid_from < memberships.valid_to
    where memberships.crm_account_id is null

),

listed as (

    select * from by_crm_id
    union all
    select * from by_domain

),

winners as (

    {{ winning_claims(
        'listed', key=['account_id'],
        columns=[
            'account_name', 'target_tier', 'selection_basis', 'selected_by', 'listed_on',
            'programme_start_date'
        ],
        order_by='''listed.target_tier, listed.account_name, listed.listed_on,
            listed.selection_basis, listed.selected_by, listed.programme_start_date'''
    ) }}

)

select
    account_id,
    account_name,
    target_tier,
    selection_basis,
    selected_by,
    listed_on,
    programme_start_date,
    valid_from,
    valid_to
from winners
