with recursive features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

identities as (

    select * from {{ ref('int_accounts') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

profiles as (

    select * from {{ ref('int_account_profiles') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

attributes as (

    select * from {{ ref('int_account_attributes') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

users as (

    select owner_id, owner_name
    from (
        select
            owner_id, owner_name,
            row_number() over (partition by owner_id order by version_at desc) as recency
        from {{ ref('stg_salesforce__users') }}
        where known_date <= {{ end_date() }}
    ) as versions
    where recency = 1

),

-- A parent that is not in the universe is no parent; the review mart lists it.
parents as (

    select
        features.account_id,
        parent_features.account_id as parent_account_id
    from features
    inner join profiles on features.account_id = profiles.account_id
    inner join survivors on profiles.parent_crm_account_id = survivors.crm_account_id
    inner join features as parent_features on survivors.account_id = parent_features.account_id
    where parent_features.account_id != features.account_id

),

-- The walk upwards stops where it would circle.
ancestors as (

    select
        account_id,
        parent_account_id as ancestor_id,
        1 as distance,
        '|' || account_id || '|' || parent_account_id || '|' as path
    from parents

    union all

    select
        ancestors.account_id,
        parents.parent_account_id,
        ancestors.distance + 1,
        ancestors.path || parents.parent_account_id || '|'
    from ancestors
    inner join parents on ancestors.ancestor_id = parents.account_id
    where ancestors.path not like '%|' || parents.parent_account_id || '|%'

),

-- In a cycle the account with the smallest id is the top, for every account of it the same.
in_cycle as (

    select distinct ancestors.account_id
    from ancestors
    inner join parents on ancestors.ancestor_id = parents.account_id
    where parents.parent_account_id = ancestors.account_id

),

cycle_tops as (

    select
        in_cycle.account_id,
        least(in_cycle.account_id, min(ancestors.ancestor_id)) as top_id
    from in_cycle
    inner join ancestors on in_cycle.account_id = ancestors.account_id
    group by in_cycle.account_id

),

sound_parents as (

    select parents.*
    from parents
    left join cycle_tops on parents.account_id = cycle_tops.account_id
    where cycle_tops.top_id is null or cycle_tops.top_id != parents.account_id

),

chains as (

    select account_id, parent_account_id as ancestor_id, 1 as distance
    from sound_parents

    union all

    select chains.account_id, sound_parents.parent_account_id, chains.distance + 1
    from chains
    inner join sound_parents on chains.ancestor_id = sound_parents.account_id

),

tops as (

    select
        account_id,
        max_by(ancestor_id, distance) as ultimate_parent_id,
        max(distance) as hierarchy_depth
    from chains
    group by account_id

),

extra as (

    select
        account_id,
        max(case when attribute = 'territory' then value_text end) as territory,
        max(case when attribute = 'node_type' then value_text end) as node_type
    from attributes
    group by account_id

)

select
    features.account_id,
    features.as_of_date,
    coalesce(profiles.account_name, profiles.primary_domain, features.account_id) as account_name,
    profiles.primary_domain,
    identities.crm_account_id,
    features.is_target,
    profiles.target_tier,
    features.lifecycle,
    profiles.industry,
    cast(profiles.employees as bigint) as employees,
    profiles.revenue_usd,
    profiles.country,
    profiles.region,
    extra.territory,
    profiles.owner_id,
    users.owner_name,
    coalesce(
        extra.node_type,
        case when sound_parents.parent_account_id is null then 'company' else 'subsidiary' end
    ) as node_type,
    sound_parents.parent_account_id,
    coalesce(tops.ultimate_parent_id, features.account_id) as ultimate_parent_id,
    cast(coalesce(tops.hierarchy_depth, 0) as integer) as hierarchy_depth,
    {{ ruleset_version() }} as ruleset_version
from features
inner join identities on features.account_id = identities.account_id
left join profiles on features.account_id = profiles.account_id
left join users on profiles.owner_id = users.owner_id
left join sound_parents on features.account_id = sound_parents.account_id
left join tops on features.account_id = tops.account_id
left join extra on features.account_id = extra.account_id
