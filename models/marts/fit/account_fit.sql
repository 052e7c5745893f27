with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

)

select
    account_id,
    as_of_date,
    fit_score,
    fit_tier,
    fits_icp,
    is_fit_assumed,
    fit_completeness_share,
    fit_score as scorecard_score,
    cast(null as double) as learned_score,
    'scorecard' as fit_method,
    {{ ruleset_version() }} as ruleset_version
from features
