with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

)

select
    features.account_id,
    names.account_name,
    names.owner_name,
    features.as_of_date,
    features.fit_score,
    features.fit_tier,
    features.fits_icp,
    features.is_fit_assumed,
    features.fit_completeness_share,
    features.fit_score as scorecard_score,
    cast(null as double) as learned_score,
    'scorecard' as fit_method,
    {{ ruleset_version() }} as ruleset_version
from features
left join names on features.account_id = names.account_id
