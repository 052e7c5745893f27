with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

identities as (

    select * from {{ ref('int_accounts') }}
    where {{ on_last_day() }}

),

profiles as (

    select * from {{ ref('int_account_profiles') }}
    where {{ on_last_day() }}

),

hierarchy as (

    select * from {{ ref('int_account_hierarchy') }}

),

attributes as (

    select * from {{ ref('int_account_attributes') }}
    where {{ on_last_day() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

-- Of several records in one CRM the one that names the account, else the smallest id.
crm_records as (

    select
        account_id,
        min(case when source = 'salesforce' then crm_account_id end) as salesforce_account_id,
        min(case when source = 'hubspot' then crm_account_id end) as hubspot_company_id,
        min(case when source = 'salesforce' and link_basis = 'own' then crm_account_id end)
            as own_salesforce_account_id,
        min(case when source = 'hubspot' and link_basis = 'own' then crm_account_id end)
            as own_hubspot_company_id
    from {{ ref('account_crosswalk') }}
    where not is_deleted
    group by account_id

),

extra as (

    select
        account_id,
        max(case when attribute = 'industry' then value_as_delivered end) as industry_as_delivered,
        max(case when attribute = 'country' then value_as_delivered end) as country_as_delivered,
        max(case when attribute = 'territory' then value_text end) as territory,
        max(case when attribute = 'node_type' then value_text end) as node_type
    from attributes
    group by account_id

)

select
    features.account_id,
    names.account_name,
    names.owner_name,
    features.as_of_date,
    profiles.primary_domain,
    identities.crm_account_id,
    coalesce(crm_records.own_salesforce_account_id, crm_records.salesforce_account_id)
        as salesforce_account_id,
    coalesce(crm_records.own_hubspot_company_id, crm_records.hubspot_company_id)
        as hubspot_company_id,
    features.is_target,
    profiles.target_tier,
    features.lifecycle,
    profiles.industry,
    extra.industry_as_delivered,
    cast(profiles.employees as bigint) as employees,
    profiles.revenue_usd,
    profiles.country,
    extra.country_as_delivered,
    profiles.region,
    extra.territory,
    profiles.owner_id,
    coalesce(
        extra.node_type,
        case when hierarchy.parent_account_id is null then 'company' else 'subsidiary' end
    ) as node_type,
    hierarchy.parent_account_id,
    hierarchy.ultimate_parent_id,
    cast(hierarchy.depth as integer) as hierarchy_depth,
    {{ ruleset_version() }} as ruleset_version
from features
inner join identities on features.account_id = identities.account_id
inner join hierarchy on features.account_id = hierarchy.account_id
left join profiles on features.account_id = profiles.account_id
left join crm_records on features.account_id = crm_records.account_id
left join names on features.account_id = names.account_id
left join extra on features.account_id = extra.account_id
