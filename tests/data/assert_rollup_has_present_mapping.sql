-- Guards: the activity rollup was made under the present seeds page_types, crm_activity_types,
-- subject_types and offer_rules (and time zone, backfill, sources, rules of bots and scanners),
-- which are baked into it; a changed one makes the model roll up anew.
-- Does not guard: seeds that are joined later, such as activity_types; those need no new rollup.
with page_types as (

    select * from {{ ref('page_types') }}

),

crm_activity_types as (

    select * from {{ ref('crm_activity_types') }}

),

subject_types as (

    select * from {{ ref('subject_types') }}

),

offer_rules as (

    select * from {{ ref('offer_rules') }}

),

present as (

    {{ rollup_mapping('page_types', 'crm_activity_types', 'subject_types', 'offer_rules') }}

)

select
    rolled_up.mapping_version,
    present.mapping_version as present_mapping_version
from (select distinct mapping_version from {{ ref('int_activity_daily') }}) as rolled_up
cross join present
where rolled_up.mapping_version is distinct from present.mapping_version
