with transitions as (

    select * from {{ ref('stg_scores__activation_transitions') }}

),

spans as (

    select
        account_id,
        to_state as state,
        from_state as previous_state,
        as_of_date as valid_from,
        coalesce(
            lead(as_of_date) over (partition by account_id order by as_of_date), {{ forever() }}
        )
            as valid_to,
        reason_code,
        strength_score,
        reached_coverage_share,
        is_strong,
        has_committed_motion,
        days_below,
        is_attribution_changed,
        is_broad,
        has_recent_buying_signal,
        decided_by,
        ruleset_version
    from transitions

)

select * from spans
where state is not null
