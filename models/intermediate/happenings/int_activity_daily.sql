{{ config(materialized='view') }}

select
    known_date,
    occurred_date,
    'visitor' as identity_type,
    identity,
    fallback_identity,
    activity_type,
    'segment.pages' as feed,
    cast(null as {{ dbt.type_string() }}) as owner_id,
    cast(null as {{ dbt.type_string() }}) as offer_type,
    cast(null as {{ dbt.type_string() }}) as content_level,
    load_id,
    quantity,
    visit_seconds
from {{ ref('int_page_days') }}

union all

select
    known_date, occurred_date, identity_type, identity, fallback_identity, activity_type, feed,
    owner_id, offer_type, content_level, load_id, quantity, cast(0 as bigint) as visit_seconds
from {{ ref('int_act_days') }}
