{%- set day = end_date() -%}

with accounts as (

    select account_id, is_outside_window from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

all_windows as (

    select
        *,
        case window_type
            when 'planning' then 'budget planning'
            when 'other' then 'another reason,'
            else replace(window_type, '_', ' ')
        end
        || ' from ' || cast(starts_on as {{ dbt.type_string() }})
        || ' to ' || cast(ends_on as {{ dbt.type_string() }}) || ' (source ' || source || ')'
            as words,
        -- Windows that begin or end on one day are told apart by their other date and their words,
        -- so that the result is always the same.
        cast(starts_on as {{ dbt.type_string() }}) || cast(ends_on as {{ dbt.type_string() }})
        || window_type || source as by_start,
        cast(ends_on as {{ dbt.type_string() }}) || cast(starts_on as {{ dbt.type_string() }})
        || window_type || source as by_end
    from {{ ref('account_timing_windows') }}

),

windows as (

    select * from all_windows
    where decides_timing

),

-- Days from which another thing may hold than the day before.
turns as (

    select account_id, starts_on as turns_on from windows
    where starts_on > {{ day }}
    union
    select account_id, {{ add_days('ends_on', 1) }} as turns_on from windows
    where ends_on >= {{ day }}

),

-- The rule of the driver wrong_timing on each of them, with what is known today.
statuses as (

    select
        turns.account_id,
        turns.turns_on,
        max(
            windows.effect = 'closed'
            and turns.turns_on between windows.starts_on and windows.ends_on
        )
        or (
            max(windows.effect = 'open')
            and not max(
                windows.effect = 'open'
                and turns.turns_on between windows.starts_on and windows.ends_on
            )
        ) as is_outside
    from turns
    inner join windows on turns.account_id = windows.account_id
    group by turns.account_id, turns.turns_on

),

openings as (

    select
        accounts.account_id,
        accounts.is_outside_window,
        min(case when accounts.is_outside_window and not statuses.is_outside
            then statuses.turns_on end) as next_window_opens_on
    from accounts
    left join statuses on accounts.account_id = statuses.account_id
    group by accounts.account_id, accounts.is_outside_window

),

closings as (

    select
        openings.account_id,
        {{ add_days('min(statuses.turns_on)', -1) }} as next_window_closes_on
    from openings
    inner join statuses on openings.account_id = statuses.account_id
    where statuses.is_outside
        and (
            statuses.turns_on > openings.next_window_opens_on
            or not openings.is_outside_window
        )
    group by openings.account_id

),

-- The window that says the most: the closed one that ends last, the open one that ends first.
named as (

    select
        account_id,
        max_by(words, by_end) filter (where decides_timing and effect = 'closed' and is_current)
            as closed_words,
        min_by(words, by_end) filter (where decides_timing and effect = 'open' and is_current)
            as open_words,
        max_by(words, by_end) filter (
            where decides_timing and effect = 'open' and ends_on < {{ day }}
        ) as past_words,
        min_by(words, by_start) filter (where not decides_timing and effect = 'open')
            as shown_words
    from all_windows
    group by account_id

)

select
    openings.account_id,
    names.account_name,
    names.owner_name,
    {{ day }} as as_of_date,
    openings.is_outside_window,
    case
        when openings.is_outside_window and named.closed_words is not null
            then 'They cannot buy now: ' || named.closed_words
        when openings.is_outside_window and named.past_words is not null
            then 'They cannot buy now: their last buying window was ' || named.past_words
        when openings.is_outside_window
            then 'They cannot buy now: their first buying window is still to come'
        when closings.next_window_closes_on is not null
            then 'They can buy now, until '
                || cast(closings.next_window_closes_on as {{ dbt.type_string() }})
                || coalesce(': ' || named.open_words, '')
        when named.open_words is not null then 'They can buy now: ' || named.open_words
        else 'Nothing is known that keeps them from buying now'
    end
    || case
        when openings.is_outside_window and openings.next_window_opens_on is null
            then '; when they can is not known'
        when openings.is_outside_window
            then '; from '
                || cast(openings.next_window_opens_on as {{ dbt.type_string() }}) || ' they can'
        else ''
    end
    || case
        when named.shown_words is null then ''
        else '; also known: ' || named.shown_words
    end
    || '.' as timing_reason,
    openings.next_window_opens_on,
    closings.next_window_closes_on
from openings
left join names on openings.account_id = names.account_id
left join closings on openings.account_id = closings.account_id
left join named on openings.account_id = named.account_id
