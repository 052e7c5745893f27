with accounts as (

    select distinct account_id from {{ ref('int_accounts') }}
    where valid_from <= {{ end_date() }}

),

-- What holds on the last day; of an account that is none any more what was known of it last, and
-- the newest name before what goes without one.
profiles as (

    select
        *,
        row_number() over (
            partition by account_id
            order by
                case when {{ end_date() }} < valid_to then 0 else 1 end,
                case when account_name is null then 1 else 0 end,
                valid_from desc
        ) as recency
    from {{ ref('int_account_profiles') }}
    where valid_from <= {{ end_date() }}

),

owners as (

    select owner_id, owner_name from {{ ref('int_owners') }}
    where {{ on_last_day() }}

)

select
    accounts.account_id,
    coalesce(profiles.account_name, profiles.primary_domain, accounts.account_id) as account_name,
    coalesce(owners.owner_name, profiles.owner_id) as owner_name
from accounts
left join profiles on accounts.account_id = profiles.account_id and profiles.recency = 1
left join owners on profiles.owner_id = owners.owner_id
