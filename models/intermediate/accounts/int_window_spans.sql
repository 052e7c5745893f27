with windows as (

    select
        *,
        coalesce(domain, '')
        || '|'
        || coalesce(crm_account_id, '')
        || '|'
        || window_type
        || '|'
        || effect
        || '|' || cast(starts_on as {{ dbt.type_string() }}) as window_key
    from {{ ref('stg_timing__windows') }}

),

interviews as (

    select * from {{ ref('stg_research__interviews') }}

),

findings as (

    select * from {{ ref('stg_research__findings') }}
    where revisit_on is not null

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

window_versions as (

    select
        window_key, domain, crm_account_id, window_type, effect, starts_on, ends_on, version_at,
        known_date as valid_from
    from windows

),

windows_in_force as (

    {{ versions_in_force('window_versions', 'window_key') }}

),

-- "Come back in spring" closes the window until the day named.
waits as (

    select
        interviews.domain,
        interviews.crm_account_id,
        'research' as window_type,
        'closed' as effect,
        interviews.held_on as starts_on,
        {{ add_days('findings.revisit_on', -1) }} as ends_on,
        case
            when findings.is_first_load then interviews.known_date
            else greatest(interviews.known_date, findings.delivery_date)
        end as valid_from,
        {{ forever() }} as valid_to
    from findings
    inner join interviews on findings.interview_id = interviews.interview_id

),

known_windows as (

    select domain, crm_account_id, window_type, effect, starts_on, ends_on, valid_from, valid_to
    from windows_in_force
    union all
    select domain, crm_account_id, window_type, effect, starts_on, ends_on, valid_from, valid_to
    from waits

)

-- The span in which the window is known on the account; starts_on and ends_on say when it holds.
select
    coalesce(survivors.account_id, domain_owners.account_id) as account_id,
    known_windows.window_type,
    known_windows.effect,
    known_windows.starts_on,
    known_windows.ends_on,
    greatest(
        known_windows.valid_from,
        coalesce(survivors.valid_from, domain_owners.valid_from)
    ) as valid_from,
    least(known_windows.valid_to, coalesce(survivors.valid_to, domain_owners.valid_to)) as valid_to
from known_windows
left join survivors
    on
        known_windows.crm_account_id = survivors.crm_account_id
        and known_windows.valid_from < survivors.valid_to
        and survivors.valid_from < known_windows.valid_to
left join domain_owners
    on
        known_windows.crm_account_id is null
        and known_windows.domain = domain_owners.domain
        and known_windows.valid_from < domain_owners.valid_to
        and domain_owners.valid_from < known_windows.valid_to
where coalesce(survivors.account_id, domain_owners.account_id) is not null
