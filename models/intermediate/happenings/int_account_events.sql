with event_versions as (

    select
        event_id, domain, crm_account_id, event_type, event_date, headline, version_at,
        min(known_date) over (partition by event_id) as known_date,
        known_date as valid_from
    from {{ ref('stg_change_events__events') }}
    where known_date <= {{ end_date() }}

),

in_force as (

    {{ versions_in_force('event_versions', 'event_id') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}
    where {{ on_last_day() }}

)

select
    in_force.event_id,
    coalesce(survivors.account_id, domain_owners.account_id) as account_id,
    in_force.event_type,
    in_force.event_date,
    in_force.headline,
    greatest(in_force.known_date, in_force.event_date) as counts_from
from in_force
left join survivors on in_force.crm_account_id = survivors.crm_account_id
left join domain_owners on in_force.domain = domain_owners.domain
where {{ on_last_day('in_force.') }}
    and in_force.event_date <= {{ end_date() }}
    and coalesce(survivors.account_id, domain_owners.account_id) is not null
