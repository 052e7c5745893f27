{%- set day = end_date() -%}

with names as (

    select * from {{ ref('int_account_names') }}

),

accounts as (

    select account_id from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

-- Of what was worked out from a date the past is left out, and of fiscal years all but one.
window_spans as (

    select * from {{ ref('int_window_spans') }}
    where {{ on_last_day() }}
        and (not is_worked_out or ends_on >= {{ day }})
        and (
            window_type != 'fiscal_year_end'
            or ends_on < cast({{ dbt.dateadd('year', 1, day) }} as date)
        )

),

deals as (

    select * from {{ ref('int_opportunity_spans') }}
    where {{ on_last_day() }}

),

open_deals as (

    select distinct account_id from deals
    where outcome = 'open' and not is_renewal

),

-- A lost deal closes the window for a while, unless another deal is open.
cooldowns as (

    select
        deals.account_id,
        deals.stage_changed_date as starts_on,
        {{ add_days('deals.stage_changed_date', var('lost_deal_cooldown_days') - 1) }} as ends_on,
        open_deals.account_id is null as decides_timing,
        deals.valid_from
    from deals
    left join open_deals on deals.account_id = open_deals.account_id
    where deals.outcome = 'lost'
        and {{ day }}
        < {{ add_days('deals.stage_changed_date', var('lost_deal_cooldown_days')) }}

),

known_windows as (

    select
        account_id, window_type, source, effect, starts_on, ends_on, decides_timing, valid_from
    from window_spans

    union all

    select
        account_id, 'lost_deal_cooldown', 'crm', 'closed', starts_on, ends_on, decides_timing,
        valid_from
    from cooldowns

)

select
    known_windows.account_id,
    names.account_name,
    names.owner_name,
    {{ day }} as as_of_date,
    known_windows.window_type,
    known_windows.source,
    known_windows.effect,
    known_windows.starts_on,
    known_windows.ends_on,
    {{ day }} >= known_windows.starts_on and {{ day }} <= known_windows.ends_on as is_current,
    max(known_windows.decides_timing) as decides_timing,
    min(known_windows.valid_from) as known_since
from known_windows
inner join accounts on known_windows.account_id = accounts.account_id
left join names on known_windows.account_id = names.account_id
group by
    known_windows.account_id, names.account_name, names.owner_name, known_windows.window_type,
    known_windows.source, known_windows.effect, known_windows.starts_on, known_windows.ends_on
