with targets as (

    select * from {{ ref('stg_targets__target_accounts') }}

),

excluded_domains as (

    select domain from {{ ref('int_excluded_domains') }}

),

recorded as (

    select
        *,
        coalesce(programme_id, '')
        || '|'
        || coalesce(domain, '')
        || '|'
        || coalesce(crm_account_id, '')
            as membership_key,
        row_number() over (
            partition by programme_id, domain, crm_account_id order by version_at
        ) as version_order
    from targets
    -- A domain that nobody can own (free mail, parked) names no account by itself.
    where crm_account_id is not null
        or domain is null
        or domain not in (select excluded_domains.domain from excluded_domains)

),

-- A list delivered in the first load held from the day it was drawn up.
versions as (

    select
        membership_key, domain, crm_account_id, account_name, target_tier, selection_basis,
        selected_by, listed_on, programme_start_date, removed_on, version_at,
        known_date as valid_from
    from recorded

    union all

    select
        membership_key, domain, crm_account_id, account_name, target_tier, selection_basis,
        selected_by, listed_on, programme_start_date, removed_on,
        cast(listed_on as timestamp) as version_at, listed_on as valid_from
    from recorded
    where {{ is_backfilled() }} and version_order = 1
        and listed_on < known_date

),

in_force as (

    {{ versions_in_force('versions', 'membership_key') }}

)

select
    membership_key,
    domain,
    crm_account_id,
    account_name,
    target_tier,
    selection_basis,
    selected_by,
    listed_on,
    programme_start_date,
    greatest(valid_from, listed_on) as valid_from,
    least(valid_to, coalesce(removed_on, {{ forever() }})) as valid_to
from in_force
where greatest(valid_from, listed_on) < least(valid_to, coalesce(removed_on, {{ forever() }}))
