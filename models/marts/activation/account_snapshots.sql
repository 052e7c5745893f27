{{
    config(
        materialized='incremental', incremental_strategy='delete+insert', unique_key='as_of_date'
    )
}}

with gap_days as (

    select * from {{ ref('int_account_gap_days') }}
    where is_month_end

)

select
    as_of_date,
    account_id,
    state,
    strength_score,
    reached_coverage_share,
    fit_tier,
    lifecycle,
    primary_driver,
    is_target,
    {{ ruleset_version() }} as ruleset_version
from gap_days
