with acts as (

    select * from {{ ref('int_account_acts') }}
    where person_id is not null

),

-- Dated changes: how many touches and acts reach a person, and how many base points of the person's
-- own count, over the last days that matter. Running sums of them are exact.
reach_changes as (

    select account_id, person_id, valid_from as changed_on, quantity as reaching, 0 as base_points_h
    from acts
    where reaches_person and valid_from < {{ add_days('occurred_date', var('reached_days')) }}

    union all

    select
        account_id, person_id,
        least(valid_to, {{ add_days('occurred_date', var('reached_days')) }}), -quantity, 0
    from acts
    where reaches_person and valid_from < {{ add_days('occurred_date', var('reached_days')) }}

    union all

    select account_id, person_id, valid_from, 0, base_points_h
    from acts
    where base_points_h != 0 and valid_from < {{ add_days('occurred_date', var('engaged_days')) }}

    union all

    select
        account_id, person_id,
        least(valid_to, {{ add_days('occurred_date', var('engaged_days')) }}), 0, -base_points_h
    from acts
    where base_points_h != 0 and valid_from < {{ add_days('occurred_date', var('engaged_days')) }}

),

daily_changes as (

    select
        account_id,
        person_id,
        changed_on,
        sum(reaching) as reaching,
        sum(base_points_h) as base_points_h
    from reach_changes
    where changed_on <= {{ end_date() }}
    group by account_id, person_id, changed_on

),

running as (

    select
        account_id,
        person_id,
        changed_on,
        sum(reaching) over so_far > 0 or sum(base_points_h) over so_far > 0 as is_reached,
        sum(base_points_h) over so_far >= {{ var('engaged_min_points') * 100 }} as is_engaged
    from daily_changes
    window so_far as (
        partition by account_id, person_id order by changed_on
        rows between unbounded preceding and current row
    )

),

changes as (

    select
        running.*,
        (is_reached is distinct from lag(is_reached) over person)
        or (is_engaged is distinct from lag(is_engaged) over person) as is_change
    from running
    window person as (partition by account_id, person_id order by changed_on)

)

select
    account_id,
    person_id,
    changed_on as valid_from,
    coalesce(
        lead(changed_on) over (partition by account_id, person_id order by changed_on),
        {{ forever() }}
    ) as valid_to,
    is_reached,
    is_engaged
from changes
where is_change
