with outcomes as (

    select * from {{ ref('stg_plays__outcomes') }}
    where known_date <= {{ end_date() }} and assigned_on <= {{ end_date() }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}
    where {{ on_last_day() }}

),

plays as (

    select * from {{ ref('plays') }}

),

play_results as (

    select * from {{ ref('play_results') }}

)

select
    coalesce(survivors.account_id, domain_owners.account_id) as account_id,
    -- As it was landed, for whoever has to correct it.
    coalesce(outcomes.crm_account_id, outcomes.domain, 'no readable domain') as account_named,
    outcomes.play_id,
    plays.play_name,
    outcomes.assigned_on,
    outcomes.status,
    outcomes.result,
    play_results.is_success,
    outcomes.version_at,
    coalesce(survivors.account_id, domain_owners.account_id) is null as is_unknown_account,
    plays.play_id is null as is_unknown_play,
    outcomes.status not in ('assigned', 'accepted', 'dismissed', 'done') as is_unknown_status,
    outcomes.result is not null and play_results.result is null as is_unknown_result
from outcomes
left join survivors on outcomes.crm_account_id = survivors.crm_account_id
left join domain_owners on outcomes.domain = domain_owners.domain
left join plays on outcomes.play_id = plays.play_id
left join play_results on outcomes.result = play_results.result
