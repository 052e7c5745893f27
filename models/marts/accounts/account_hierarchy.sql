with recursive features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

hierarchy as (

    select * from {{ ref('int_account_hierarchy') }}

),

parents as (

    select * from {{ ref('int_account_parents') }}
    where {{ on_last_day() }}

),

gap_days as (

    select account_id, is_activated from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ end_date() }}

),

opportunities as (

    select * from {{ ref('int_opportunity_spans') }}
    where outcome = 'open' and not is_renewal
        and {{ on_last_day() }}

),

deals as (

    select
        account_id,
        count(*) as open_deals,
        sum(case when is_committed then 1 else 0 end) as committed_deals,
        sum(annual_amount_usd) as open_pipeline_usd
    from opportunities
    group by account_id

),

-- Every account with each of those above it; lines are bounded and without circles by now.
lines as (

    select account_id, parent_account_id as ancestor_id
    from hierarchy
    where parent_account_id is not null

    union all

    select lines.account_id, hierarchy.parent_account_id
    from lines
    inner join hierarchy on lines.ancestor_id = hierarchy.account_id
    where hierarchy.parent_account_id is not null

),

descendants as (

    select ancestor_id as account_id, count(*) as descendant_accounts
    from lines
    group by ancestor_id

),

children as (

    select parent_account_id as account_id, count(*) as child_accounts
    from hierarchy
    where parent_account_id is not null
    group by parent_account_id

),

members as (

    select
        features.account_id,
        features.as_of_date,
        hierarchy.parent_account_id,
        hierarchy.parent_source,
        parents.valid_from as parent_since,
        hierarchy.ultimate_parent_id,
        hierarchy.depth,
        hierarchy.path,
        hierarchy.is_cut,
        hierarchy.successor_account_id,
        features.is_target,
        features.reached_coverage_share,
        features.required_weight_millionths,
        features.intent_points + features.engagement_points as signal_points,
        features.strength_score,
        features.engaged_people,
        coalesce(deals.open_deals, 0) as open_deals,
        coalesce(deals.committed_deals, 0) as committed_deals,
        coalesce(deals.open_pipeline_usd, 0) as open_pipeline_usd,
        gap_days.is_activated
    from features
    inner join hierarchy on features.account_id = hierarchy.account_id
    inner join gap_days on features.account_id = gap_days.account_id
    left join parents on features.account_id = parents.account_id
    left join deals on features.account_id = deals.account_id

),

families as (

    select
        ultimate_parent_id,
        count(*) as family_accounts,
        sum(case when is_target then 1 else 0 end) as family_target_accounts,
        sum(case when is_activated then 1 else 0 end) as family_activated_accounts,
        -- Of accounts of which it is known; null if it is of none.
        case
            when count(reached_coverage_share) > 0
                then coalesce(
                    sum(reached_coverage_share * required_weight_millionths)
                    / nullif(sum(
                        case
                            when reached_coverage_share is not null
                                then required_weight_millionths
                        end
                    ), 0),
                    0
                )
        end as family_reached_coverage_share,
        sum(signal_points) as family_signal_points,
        sum(engaged_people) as family_engaged_people,
        sum(open_deals) as family_open_deals,
        sum(committed_deals) as family_committed_deals,
        sum(open_pipeline_usd) as family_open_pipeline_usd
    from members
    group by ultimate_parent_id

)

select
    members.account_id,
    names.account_name,
    names.owner_name,
    members.as_of_date,
    members.parent_account_id,
    members.parent_source,
    case when members.parent_account_id is not null then members.parent_since end as parent_since,
    members.ultimate_parent_id,
    cast(members.depth as integer) as hierarchy_depth,
    members.path as hierarchy_path,
    members.is_cut as is_parent_cut,
    members.successor_account_id,
    cast(coalesce(children.child_accounts, 0) as bigint) as child_accounts,
    cast(coalesce(descendants.descendant_accounts, 0) as bigint) as descendant_accounts,
    cast(families.family_accounts as bigint) as family_accounts,
    cast(families.family_target_accounts as bigint) as family_target_accounts,
    members.is_activated,
    cast(families.family_activated_accounts as bigint) as family_activated_accounts,
    members.reached_coverage_share,
    round(families.family_reached_coverage_share, 6) as family_reached_coverage_share,
    members.strength_score,
    round(
        100 * (1 - exp(-families.family_signal_points / {{ var('strength_saturation_points') }})), 6
    ) as family_strength_score,
    members.signal_points,
    families.family_signal_points,
    members.engaged_people,
    cast(families.family_engaged_people as bigint) as family_engaged_people,
    cast(members.open_deals as bigint) as open_deals,
    cast(families.family_open_deals as bigint) as family_open_deals,
    cast(members.committed_deals as bigint) as committed_deals,
    cast(families.family_committed_deals as bigint) as family_committed_deals,
    cast(members.open_pipeline_usd as double) as open_pipeline_usd,
    cast(families.family_open_pipeline_usd as double) as family_open_pipeline_usd
from members
left join names on members.account_id = names.account_id
inner join families on members.ultimate_parent_id = families.ultimate_parent_id
left join children on members.account_id = children.account_id
left join descendants on members.account_id = descendants.account_id
