with parents as (

    select * from {{ ref('int_account_parents') }}
    where valid_from <= {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

-- What became of the parents of the latest day.
hierarchy as (

    select * from {{ ref('int_account_hierarchy') }}

)

select
    parents.account_id,
    coalesce(names.account_name, parents.account_id) as account_name,
    names.owner_name,
    parents.parent_account_id,
    parents.parent_source,
    parents.valid_from,
    case when parents.valid_to <= {{ end_date() }} then parents.valid_to end as valid_to,
    case when parents.valid_to > {{ end_date() }} then hierarchy.is_cut end as is_cut,
    case when hierarchy.is_cut and parents.valid_to > {{ end_date() }} then
        case when hierarchy.circle_accounts is not null
            then 'hierarchy_cycle' else 'hierarchy_too_deep' end
    end as cut_reason
from parents
left join names on parents.account_id = names.account_id
left join hierarchy on parents.account_id = hierarchy.account_id
