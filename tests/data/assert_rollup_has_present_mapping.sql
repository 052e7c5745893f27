-- Guards: the halves of the activity rollup were made under the present seeds page_types, and
-- crm_activity_types, subject_types and offer_rules (and time zone, backfill, sources, rules of
-- bots and scanners), which are baked into them; a changed one makes its half roll up anew.
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

present_of_pages as (

    {{ page_mapping('page_types') }}

),

present_of_acts as (

    {{ act_mapping('crm_activity_types', 'subject_types', 'offer_rules') }}

)

select
    'pages' as half,
    rolled_up.mapping_version,
    present_of_pages.mapping_version as present_mapping_version
from (select distinct mapping_version from {{ ref('int_page_days') }}) as rolled_up
cross join present_of_pages
where rolled_up.mapping_version is distinct from present_of_pages.mapping_version

union all

select
    'acts',
    rolled_up.mapping_version,
    present_of_acts.mapping_version
from (select distinct mapping_version from {{ ref('int_act_days') }}) as rolled_up
cross join present_of_acts
where rolled_up.mapping_version is distinct from present_of_acts.mapping_version
