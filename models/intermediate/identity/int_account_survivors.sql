with recursive versions as (

    select * from {{ ref('int_account_versions') }}

),

-- From the day a merge is known the loser's people, domains and deals are its master's.
merges as (

    select
        crm_account_id,
        master_crm_account_id,
        min(valid_from) as valid_from
    from versions
    where master_crm_account_id is not null and master_crm_account_id != crm_account_id
    group by crm_account_id, master_crm_account_id

),

steps as (

    select
        crm_account_id,
        crm_account_id as surviving_crm_account_id,
        min(valid_from) as valid_from,
        0 as merge_depth
    from versions
    group by crm_account_id

    union all

    select
        steps.crm_account_id,
        merges.master_crm_account_id as surviving_crm_account_id,
        greatest(steps.valid_from, merges.valid_from) as valid_from,
        steps.merge_depth + 1 as merge_depth
    from steps
    inner join merges on steps.surviving_crm_account_id = merges.crm_account_id
    -- Merges cannot circle in a CRM; a broken export can, so the walk ends.
    where steps.merge_depth < 10

),

-- On one day the longest chain is the survivor.
deepest as (

    select
        crm_account_id,
        surviving_crm_account_id,
        valid_from,
        row_number() over (
            partition by crm_account_id, valid_from
            order by merge_depth desc, surviving_crm_account_id
        ) as depth_rank
    from steps

)

select
    crm_account_id,
    surviving_crm_account_id as account_id,
    valid_from,
    coalesce(
        lead(valid_from) over (partition by crm_account_id order by valid_from), {{ forever() }}
    ) as valid_to
from deepest
where depth_rank = 1
