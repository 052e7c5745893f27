{%- set measures = [
    'listed', 'fit_known_weight', 'fit_matched_weight', 'fit_must_not', 'intent_points', 'web_points',
    'marketing_points', 'sales_points', 'buying_signals', 'two_way_acts', 'touches',
    'held_by_stale_feeds', 'engaged_people', 'observable_intent', 'observable_web',
    'observable_contacts', 'observable_ads', 'seen_intent', 'seen_web', 'seen_contacts', 'seen_ads',
    'filed_weight_e6', 'reached_weight_e6', 'engaged_weight_e6',
    'required_weight_e6', 'open_deals', 'committed_deals', 'moving_deals', 'won_deals',
    'recently_won_deals', 'recently_lost_deals', 'contracts', 'active_contracts', 'open_windows',
    'open_windows_now', 'closed_windows_now', 'attribution_changes'
] -%}
{%- set channels = ['intent', 'web', 'contacts', 'ads'] -%}
{%- set units_per_point = 100 * 1000000 -%}

with accounts as (

    select * from {{ ref('int_accounts') }}

),

days as (

    select * from {{ ref('int_days') }}

),

account_changes as (

    select * from {{ ref('int_account_changes') }}

),

signal_days as (

    select * from {{ ref('int_signal_days') }}

),

fit_criteria as (

    select * from {{ ref('fit_criteria') }}

),

first_listing as (

    select min(valid_from) as listed_from from {{ ref('int_target_accounts') }}

),

-- Facts of a day that hold for all accounts.
day_facts as (

    select
        days.as_of_date,
        days.is_month_end,
        coalesce(first_listing.listed_from <= days.as_of_date, false) as has_target_list,
        (
            select sum(fit_criteria.weight)
            from fit_criteria
            where not fit_criteria.is_must_not
                and days.as_of_date >= coalesce(fit_criteria.valid_from, days.as_of_date)
                and days.as_of_date < coalesce(fit_criteria.valid_to, {{ forever() }})
        ) as fit_total_weight
    from days
    cross join first_listing

),

known_accounts as (

    select distinct account_id
    from accounts
    where valid_to > {{ replay_start_date() }} and valid_from <= {{ end_date() }}

),

-- What changed on the days on which anything did, and what holds from each of them on.
daily_changes as (

    select
        account_id,
        changed_on,
        {%- for measure in measures %}
        sum(case when measure = '{{ measure }}' then change else 0 end)
            as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select account_id, changed_on, measure, change from account_changes
        union all
        select account_id, {{ replay_start_date() }}, 'none', 0 from known_accounts
    ) as changes
    group by account_id, changed_on

),

running as (

    select
        account_id,
        changed_on as valid_from,
        coalesce(
            lead(changed_on) over (partition by account_id order by changed_on),
            {{ add_days(end_date(), 1) }}
        ) as valid_to,
        {%- for measure in measures %}
        cast(sum({{ measure }}) over so_far as bigint) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from daily_changes
    window so_far as (
        partition by account_id order by changed_on
        rows between unbounded preceding and current row
    )

),

-- What follows from the changes alone, worked out once for each of them and not for every day.
held as (

    select
        account_id,
        valid_from,
        valid_to,
        listed > 0 as is_listed,
        case
            when contracts > 0 and active_contracts > 0 then 'customer'
            when contracts = 0 and recently_won_deals > 0 then 'customer'
            when contracts > 0 or won_deals > 0 then 'former_customer'
            when open_deals > 0 then 'open_opportunity'
            else 'prospect'
        end as lifecycle,
        fit_known_weight,
        round(100.0 * fit_matched_weight / nullif(fit_known_weight, 0), 6) as fit_score,
        case
            when fit_must_not > 0 then 'weak'
            when 100 * fit_matched_weight >= {{ var('fit_strong_min_score') }} * fit_known_weight
                then 'strong'
            when 100 * fit_matched_weight >= {{ var('fit_moderate_min_score') }} * fit_known_weight
                then 'moderate'
            else 'weak'
        end as tier_if_known,
        fit_must_not > 0 as must_not_fit,
        cast(engaged_people as integer) as engaged_people,
        engaged_people >= {{ var('broad_min_people') }}
        or (
            case when intent_points > 0 then 1 else 0 end
            + case when web_points > 0 then 1 else 0 end
            + case when marketing_points > 0 then 1 else 0 end
            + case when sales_points > 0 then 1 else 0 end
        ) >= {{ var('broad_min_channels') }} as is_broad,
        buying_signals > 0 as has_recent_buying_signal,
        {%- for channel in channels %}
        seen_{{ channel }} > 0 as sees_{{ channel }},
        {%- endfor %}
        {%- for channel in channels %}
        {{ 'or ' if not loop.first }}seen_{{ channel }} > 0
        {%- endfor %}
            as is_observable,
        {%- for channel in channels %}
        {{ 'or ' if not loop.first }}observable_{{ channel }} > 0
        {%- endfor %}
            as has_visibility,
        coalesce(round(filed_weight_e6 / nullif(required_weight_e6, 0), 6), 0) as coverage_share,
        coalesce(round(reached_weight_e6 / nullif(required_weight_e6, 0), 6), 0)
            as reached_coverage_share,
        coalesce(round(engaged_weight_e6 / nullif(required_weight_e6, 0), 6), 0)
            as engaged_coverage_share,
        required_weight_e6 as required_weight_millionths,
        moving_deals > 0 or (committed_deals > 0 and two_way_acts > 0) as has_committed_motion,
        closed_windows_now > 0
        or (open_windows > 0 and open_windows_now = 0)
        or (recently_lost_deals > 0 and open_deals = 0) as is_outside_window,
        held_by_stale_feeds > 0 as is_paused,
        touches > 0 as is_touched,
        attribution_changes > 0 as is_attribution_changed
    from running

),

measured as (

    select
        held.*,
        day_facts.as_of_date,
        day_facts.is_month_end,
        held.is_listed or not day_facts.has_target_list as is_target,
        case
            when held.must_not_fit then 'weak'
            when
                held.fit_known_weight
                < {{ var('fit_min_known_share') }} * day_facts.fit_total_weight
                then 'unknown'
            else held.tier_if_known
        end as fit_tier,
        round(held.fit_known_weight / nullif(day_facts.fit_total_weight, 0), 6)
            as fit_completeness_share,
        coalesce(signal_days.intent_units, 0) / {{ units_per_point }}.0 as intent_points,
        coalesce(signal_days.engagement_units, 0) / {{ units_per_point }}.0 as engagement_points,
        round(100 * (1 - exp(
            -(coalesce(signal_days.intent_units, 0) + coalesce(signal_days.engagement_units, 0))
            / {{ units_per_point }}.0 / {{ var('strength_saturation_points') }}
        )), 6) as strength_score
    from held
    inner join accounts
        on
            held.account_id = accounts.account_id
            and held.valid_from < accounts.valid_to
            and accounts.valid_from < held.valid_to
    inner join day_facts
        on
            day_facts.as_of_date >= greatest(held.valid_from, accounts.valid_from)
            and day_facts.as_of_date < least(held.valid_to, accounts.valid_to)
    left join signal_days
        on
            held.account_id = signal_days.account_id
            and day_facts.as_of_date = signal_days.as_of_date

)

select
    account_id,
    as_of_date,
    is_month_end,
    is_target,
    lifecycle,
    fit_score,
    fit_tier,
    fit_tier != 'weak' as fits_icp,
    fit_tier = 'unknown' as is_fit_assumed,
    fit_completeness_share,
    strength_score,
    intent_points,
    engagement_points,
    engaged_people,
    is_broad,
    has_recent_buying_signal,
    case
        when
            strength_score >= {{ var('strong_min_strength') }}
            and is_broad
            and has_recent_buying_signal
            then 'strong'
        when strength_score >= {{ var('some_min_strength') }} then 'some'
        else 'none'
    end as signal_level,
    {%- for channel in channels %}
    sees_{{ channel }},
    {%- endfor %}
    is_observable,
    has_visibility and not is_observable as is_blinded_by_stale_feed,
    coverage_share,
    reached_coverage_share,
    engaged_coverage_share,
    required_weight_millionths,
    has_committed_motion,
    is_outside_window,
    is_paused,
    is_touched,
    is_attribution_changed
from measured
