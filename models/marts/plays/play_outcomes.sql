with outcomes as (

    select * from {{ ref('stg_plays__outcomes') }}
    where known_date <= {{ end_date() }} and assigned_on <= {{ end_date() }}

),

play_results as (

    select * from {{ ref('play_results') }}

),

plays as (

    select * from {{ ref('plays') }}

),

-- A play counts as accepted once it was, whatever came later; what is done was accepted too. Of
-- several results the last one stands.
given_out as (

    select
        play_id,
        cast({{ dbt.date_trunc('month', 'assigned_on') }} as date) as month_start_date,
        max(case when status in ('accepted', 'done') then 1 else 0 end) as is_accepted,
        max(case when status = 'dismissed' then 1 else 0 end) as is_dismissed,
        max(case when status = 'done' then 1 else 0 end) as is_done,
        max_by(result, version_at) filter (where result is not null) as result
    from outcomes
    group by coalesce(domain, ''), coalesce(crm_account_id, ''), play_id, assigned_on

),

counted as (

    select
        given_out.month_start_date,
        given_out.play_id,
        count(*) as assigned,
        sum(given_out.is_accepted) as accepted,
        sum(given_out.is_dismissed) as dismissed,
        sum(given_out.is_done) as done,
        count(play_results.result) as with_result,
        sum(case when play_results.is_success then 1 else 0 end) as successful,
        count(given_out.result) - count(play_results.result) as unknown_results
    from given_out
    left join play_results on given_out.result = play_results.result
    group by given_out.month_start_date, given_out.play_id

)

select
    counted.month_start_date,
    {{ end_date() }} as as_of_date,
    counted.play_id,
    plays.play_name,
    cast(counted.assigned as bigint) as assigned,
    cast(counted.accepted as bigint) as accepted,
    cast(counted.dismissed as bigint) as dismissed,
    cast(counted.done as bigint) as done,
    cast(counted.with_result as bigint) as with_result,
    cast(counted.successful as bigint) as successful,
    cast(counted.unknown_results as bigint) as unknown_results,
    cast(counted.accepted as double) / counted.assigned as accepted_share,
    cast(counted.dismissed as double) / counted.assigned as dismissed_share,
    cast(counted.done as double) / counted.assigned as done_share,
    cast(counted.successful as double) / nullif(counted.with_result, 0) as success_share
from counted
left join plays on counted.play_id = plays.play_id
