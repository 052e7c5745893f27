with opportunity_roles as (

    {{ rows_of_sources('opportunity_roles', [
        'crm_opportunity_contact_role_id', 'crm_opportunity_id', 'record_id', 'is_deleted',
        'version_at', 'known_date'
    ]) }}

),

role_versions as (

    select
        crm_opportunity_contact_role_id, crm_opportunity_id, record_id, is_deleted, version_at,
        known_date as valid_from
    from opportunity_roles

),

roles_in_force as (

    {{ versions_in_force('role_versions', 'crm_opportunity_contact_role_id') }}

),

open_deals as (

    select * from {{ ref('int_deal_spans') }}
    where {{ on_last_day() }} and outcome = 'open'

),

records as (

    select * from {{ ref('int_person_records') }}
    where {{ on_last_day() }}

),

people as (

    select * from {{ ref('int_people') }}
    where {{ on_last_day() }}

),

reached as (

    select * from {{ ref('int_reach_spans') }}
    where {{ on_last_day() }}

),

-- People with a part in the deal, and all who are engaged at its account.
mentions as (

    select open_deals.crm_opportunity_id, records.person_id, 1 as named, 0 as engaged
    from open_deals
    inner join roles_in_force
        on open_deals.crm_opportunity_id = roles_in_force.crm_opportunity_id
    inner join records on roles_in_force.record_id = records.record_id
    where {{ on_last_day('roles_in_force.') }} and not coalesce(roles_in_force.is_deleted, false)

    union all

    select open_deals.crm_opportunity_id, reached.person_id, 0, 1
    from open_deals
    inner join reached on open_deals.account_id = reached.account_id
    where reached.is_engaged

    union all

    -- Who has a part may work elsewhere: a partner, a parent company.
    select open_deals.crm_opportunity_id, reached.person_id, 0, 1
    from open_deals
    inner join roles_in_force
        on open_deals.crm_opportunity_id = roles_in_force.crm_opportunity_id
    inner join records on roles_in_force.record_id = records.record_id
    inner join reached on records.person_id = reached.person_id
    where {{ on_last_day('roles_in_force.') }} and not coalesce(roles_in_force.is_deleted, false)
        and reached.is_engaged

)

select
    mentions.crm_opportunity_id,
    mentions.person_id,
    people.persona,
    max(mentions.named) = 1 as is_named,
    max(mentions.engaged) = 1 as is_engaged
from mentions
inner join people on mentions.person_id = people.person_id
where people.is_present
group by mentions.crm_opportunity_id, mentions.person_id, people.persona
