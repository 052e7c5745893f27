-- Whose account, play or status nobody knows is for review (review_items) and counts nowhere.
with outcomes as (

    select
        *,
        row_number() over (
            partition by account_id, play_id, assigned_on
            order by
                case when result is null then 1 else 0 end asc, version_at desc, result asc
        ) as result_order
    from {{ ref('int_play_outcomes') }}
    where not is_unknown_account and not is_unknown_play and not is_unknown_status

),

-- One per account, play and day, whether the account was named by its domain or its id. A play
-- counts as accepted once it was, whatever came later; what is done was accepted too. Of several
-- results the last one stands.
given_out as (

    select
        play_id,
        play_name,
        cast({{ dbt.date_trunc('month', 'assigned_on') }} as date) as month_start_date,
        max(case when status in ('accepted', 'done') then 1 else 0 end) as is_accepted,
        max(case when status = 'dismissed' then 1 else 0 end) as is_dismissed,
        max(case when status = 'done' then 1 else 0 end) as is_done,
        max(
            case when result_order = 1 and result is not null then
                case
                    when is_unknown_result then 'unknown'
                    when is_success then 'success'
                    else 'no_success'
                end
            end
        ) as last_result
    from outcomes
    group by account_id, play_id, play_name, assigned_on

),

counted as (

    select
        month_start_date,
        play_id,
        play_name,
        count(*) as assigned,
        sum(is_accepted) as accepted,
        sum(is_dismissed) as dismissed,
        sum(is_done) as done,
        count(case when last_result in ('success', 'no_success') then 1 end) as with_result,
        count(case when last_result = 'success' then 1 end) as successful,
        count(case when last_result = 'unknown' then 1 end) as unknown_results
    from given_out
    group by month_start_date, play_id, play_name

)

select
    month_start_date,
    {{ end_date() }} as as_of_date,
    play_id,
    play_name,
    cast(assigned as bigint) as assigned,
    cast(accepted as bigint) as accepted,
    cast(dismissed as bigint) as dismissed,
    cast(done as bigint) as done,
    cast(with_result as bigint) as with_result,
    cast(successful as bigint) as successful,
    cast(unknown_results as bigint) as unknown_results,
    cast(accepted as double) / assigned as accepted_share,
    cast(dismissed as double) / assigned as dismissed_share,
    cast(done as double) / assigned as done_share,
    cast(successful as double) / nullif(with_result, 0) as success_share
from counted
