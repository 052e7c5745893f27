{{
    config(
        materialized='incremental', incremental_strategy='delete+insert', unique_key='as_of_date'
    )
}}

with segments as (

    select * from {{ ref('int_gap_segments') }}

)

select
    as_of_date,
    segment_type,
    segment_value,
    cast(target_accounts as bigint) as target_accounts,
    cast(icp_accounts as bigint) as icp_accounts,
    cast(icp_assumed_accounts as bigint) as icp_assumed_accounts,
    cast(activated_accounts as bigint) as activated_accounts,
    cast(activated_icp_accounts as bigint) as activated_icp_accounts,
    cast(target_accounts - activated_accounts as bigint) as target_gap,
    cast(icp_accounts - activated_icp_accounts as bigint) as icp_gap,
    cast(icp_accounts - activated_icp_accounts as double) / nullif(icp_accounts, 0) as gap_rate,
    cast(
        icp_accounts
        - icp_assumed_accounts
        - activated_icp_accounts
        + activated_assumed_accounts as double
    ) / nullif(icp_accounts - icp_assumed_accounts, 0) as gap_rate_without_assumed,
    cast(not_in_market_accounts as double) / nullif(icp_accounts, 0) as not_in_market_share,
    cast(touched_gap_accounts as bigint) as touched_gap_accounts,
    {{ ruleset_version() }} as ruleset_version
from segments
