{%- set first_day = add_days(replay_start_date(), -var('max_age_days')) -%}

with owners as (

    select * from {{ ref('int_identity_owners') }}

),

activities as (

    select * from {{ ref('int_activity_daily') }}
    where occurred_date >= {{ first_day }} and known_date <= {{ end_date() }}

),

intent_scores as (

    select * from {{ ref('int_intent_scores') }}
    where report_date >= {{ first_day }} and known_date <= {{ end_date() }}

),

successions as (

    select
        identity_type,
        identity,
        fallback_identity,
        account_id,
        lag(account_id) over of_identity as previous_account_id,
        lag(valid_to) over of_identity as previous_valid_to,
        valid_from as changed_on
    from owners
    window of_identity as (
        partition by identity_type, identity, fallback_identity order by valid_from
    )

),

-- From one account to another; an identity that only now has an owner moves nothing away.
moves as (

    select * from successions
    where previous_account_id != account_id and previous_valid_to = changed_on
        and changed_on > {{ first_day }} and changed_on <= {{ end_date() }}

),

acts as (

    select identity_type, identity, fallback_identity, occurred_date, known_date
    from activities

    union all

    select 'domain', domain, '', report_date, known_date
    from intent_scores

),

-- What was known before, and still counted, on the day.
moved as (

    select
        moves.account_id,
        moves.previous_account_id,
        moves.changed_on,
        max(acts.occurred_date) as last_occurred_date
    from moves
    inner join acts
        on
            moves.identity_type = acts.identity_type
            and moves.identity = acts.identity
            and moves.fallback_identity = acts.fallback_identity
    where acts.known_date < moves.changed_on
        and acts.occurred_date < moves.changed_on
        and acts.occurred_date >= {{ add_days('moves.changed_on', -var('max_age_days')) }}
    group by moves.account_id, moves.previous_account_id, moves.changed_on

),

both_sides as (

    select account_id, changed_on, last_occurred_date from moved
    union all
    select previous_account_id, changed_on, last_occurred_date from moved

)

select
    account_id,
    changed_on,
    max(last_occurred_date) as last_occurred_date
from both_sides
group by account_id, changed_on
