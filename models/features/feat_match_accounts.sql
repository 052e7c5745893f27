with accounts as (

    select account_id, crm_account_id from {{ ref('int_accounts') }}
    where {{ on_last_day() }}

),

profiles as (

    select * from {{ ref('int_account_profiles') }}
    where {{ on_last_day() }}

),

hierarchy as (

    select account_id, parent_account_id from {{ ref('int_account_hierarchy') }}

),

excluded_domains as (

    select domain from {{ ref('int_excluded_domains') }}

),

-- The website an account states itself: its domain may be owned by the very double that is sought.
websites as (

    select
        versions.crm_account_id,
        versions.website_domain,
        versions.source_system || '@' || versions.source_instance as crm
    from {{ ref('int_account_versions') }} as versions
    left join excluded_domains on versions.website_domain = excluded_domains.domain
    where {{ on_last_day('versions.') }}
        and versions.website_domain is not null
        and excluded_domains.domain is null

)

select
    accounts.account_id,
    {{ end_date() }} as as_of_date,
    profiles.account_name,
    coalesce(websites.website_domain, profiles.primary_domain) as domain,
    profiles.country,
    profiles.employees,
    hierarchy.parent_account_id,
    websites.crm
from accounts
left join profiles on accounts.account_id = profiles.account_id
left join hierarchy on accounts.account_id = hierarchy.account_id
left join websites on accounts.crm_account_id = websites.crm_account_id
