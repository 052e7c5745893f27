{#- Amounts are summed one by one. Of every other measure the changes say only whether it holds, so
    each is one bit of a number, and one running sum does for all of them. -#}
{%- set amounts = [
    'fit_known_weight', 'fit_matched_weight', 'engaged_people',
    'filed_weight_e6', 'reached_weight_e6', 'engaged_weight_e6', 'required_weight_e6'
] -%}
{%- set flags = [
    'listed', 'fit_must_not', 'intent_points', 'web_points', 'marketing_points', 'sales_points',
    'buying_signals', 'two_way_acts', 'touches', 'lapsed_points', 'lapsed_buying_signals',
    'lapsed_two_way_acts', 'lapsed_reach', 'missed_buying_signals', 'observable_intent',
    'observable_web', 'observable_contacts', 'observable_ads', 'seen_intent', 'seen_web',
    'seen_contacts', 'seen_ads', 'open_deals', 'committed_deals', 'moving_deals', 'won_deals',
    'recently_won_deals', 'recently_lost_deals', 'contracts', 'active_contracts', 'open_windows',
    'open_windows_now', 'closed_windows_now', 'attribution_changes', 'people_on_file',
    'seats_told', 'seats_told_if_any'
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

-- Thresholds that a state is entered by, and those that keep it.
state_rules as (

    select
        *,
        min_signal_level = 'strong' as asks_strong_signal,
        {%- for way, factor in [('enter', 1), ('keep', var('keep_factor'))] %}
        round(case min_signal_level
            when 'strong' then {{ var('strong_min_strength') }}
            when 'some' then {{ var('some_min_strength') }}
            else 0
        end * {{ factor }}, 6) as {{ way }}_strength,
        round(min_reached_coverage * {{ factor }}, 6)
            as {{ way }}_coverage{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('activation_states') }}

),

first_listing as (

    select min(valid_from) as listed_from from {{ ref('int_target_accounts') }}

),

first_intent as (

    select min(known_date) as delivered_from from {{ ref('int_intent_scores') }}

),

-- Facts of a day that hold for all accounts.
day_facts as (

    select
        days.as_of_date,
        days.is_month_end,
        coalesce(first_listing.listed_from <= days.as_of_date, false) as has_target_list,
        coalesce(first_intent.delivered_from <= days.as_of_date, false) as is_intent_delivered,
        (
            select sum(fit_criteria.weight)
            from fit_criteria
            where not fit_criteria.is_must_not
                and days.as_of_date >= coalesce(fit_criteria.valid_from, days.as_of_date)
                and days.as_of_date < coalesce(fit_criteria.valid_to, {{ forever() }})
        ) as fit_total_weight
    from days
    cross join first_listing
    cross join first_intent

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
        {%- for amount in amounts %}
        cast(sum(case when measure = '{{ amount }}' then change else 0 end) as bigint)
            as {{ amount }},
        {%- endfor %}
        cast(sum(change * case measure
            {%- for flag in flags %}
            when '{{ flag }}' then {{ 2 ** loop.index0 }}
            {%- endfor %}
            else 0
        end) as bigint) as flags
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
        {%- for amount in amounts %}
        cast(sum({{ amount }}) over so_far as bigint) as {{ amount }},
        {%- endfor %}
        cast(sum(flags) over so_far as bigint) as flags
    from daily_changes
    window so_far as (
        partition by account_id order by changed_on
        rows between unbounded preceding and current row
    )

),

-- For as long as it was an account.
unpacked as (

    select
        running.account_id,
        greatest(running.valid_from, accounts.valid_from) as valid_from,
        least(running.valid_to, accounts.valid_to) as valid_to,
        {%- for amount in amounts %}
        running.{{ amount }},
        {%- endfor %}
        {%- for flag in flags %}
        (running.flags & {{ 2 ** loop.index0 }}) > 0 as {{ flag }}{{ ',' if not loop.last }}
        {%- endfor %}
    from running
    inner join accounts
        on
            running.account_id = accounts.account_id
            and running.valid_from < accounts.valid_to
            and accounts.valid_from < running.valid_to

),

-- What follows from the changes alone, worked out once for each of them and not for every day.
held as (

    select
        account_id,
        valid_from,
        valid_to,
        listed as is_listed,
        case
            when contracts and active_contracts then 'customer'
            when not contracts and recently_won_deals then 'customer'
            when contracts or won_deals then 'former_customer'
            when open_deals then 'open_opportunity'
            else 'prospect'
        end as lifecycle,
        fit_known_weight,
        round(100.0 * fit_matched_weight / nullif(fit_known_weight, 0), 6) as fit_score,
        case
            when fit_must_not then 'weak'
            when 100 * fit_matched_weight >= {{ var('fit_strong_min_score') }} * fit_known_weight
                then 'strong'
            when 100 * fit_matched_weight >= {{ var('fit_moderate_min_score') }} * fit_known_weight
                then 'moderate'
            else 'weak'
        end as tier_if_known,
        fit_must_not as must_not_fit,
        cast(engaged_people as integer) as engaged_people,
        engaged_people >= {{ var('broad_min_people') }}
        or (
            case when intent_points then 1 else 0 end
            + case when web_points then 1 else 0 end
            + case when marketing_points then 1 else 0 end
            + case when sales_points then 1 else 0 end
        ) >= {{ var('broad_min_channels') }} as is_broad,
        buying_signals as has_recent_buying_signal,
        {%- for channel in channels %}
        seen_{{ channel }} as sees_{{ channel }},
        {%- endfor %}
        {%- for channel in channels %}
        {{ 'or ' if not loop.first }}seen_{{ channel }}
        {%- endfor %}
            as is_observable,
        {%- for channel in channels %}
        {{ 'or ' if not loop.first }}observable_{{ channel }}
        {%- endfor %}
            as has_visibility,
        -- Whom it covers cannot be told of people whose seats no table tells, nor of nobody where
        -- the people are not delivered.
        case
            when seats_told then null
            when people_on_file then 'no_titles'
            when not seats_told_if_any then 'no_contacts_with_titles'
        end as coverage_unknown_reason,
        coalesce(round(filed_weight_e6 / nullif(required_weight_e6, 0), 6), 0) as filed_share,
        coalesce(round(reached_weight_e6 / nullif(required_weight_e6, 0), 6), 0) as reached_share,
        coalesce(round(engaged_weight_e6 / nullif(required_weight_e6, 0), 6), 0) as engaged_share,
        required_weight_e6 as required_weight_millionths,
        moving_deals or (committed_deals and two_way_acts) as has_committed_motion,
        closed_windows_now
        or (open_windows and not open_windows_now)
        or (recently_lost_deals and not open_deals) as is_outside_window,
        lapsed_points,
        lapsed_buying_signals,
        missed_buying_signals,
        committed_deals and lapsed_two_way_acts as has_lapsed_motion,
        lapsed_reach,
        touches as is_touched,
        attribution_changes as is_attribution_changed
    from unpacked

),

held_days as (

    {{ each_day('held') }}

),

measured as (

    select
        held_days.*,
        day_facts.is_month_end,
        day_facts.is_intent_delivered,
        held_days.is_listed or not day_facts.has_target_list as is_target,
        case
            when held_days.must_not_fit then 'weak'
            -- Nobody has said what fits.
            when coalesce(day_facts.fit_total_weight, 0) = 0 then 'unknown'
            when
                held_days.fit_known_weight
                < {{ var('fit_min_known_share') }} * day_facts.fit_total_weight
                then 'unknown'
            else held_days.tier_if_known
        end as fit_tier,
        round(held_days.fit_known_weight / nullif(day_facts.fit_total_weight, 0), 6)
            as fit_completeness_share,
        coalesce(signal_days.intent_units, 0) / {{ units_per_point }}.0 as intent_points,
        coalesce(signal_days.engagement_units, 0) / {{ units_per_point }}.0 as engagement_points,
        round(100 * (1 - exp(
            -(coalesce(signal_days.intent_units, 0) + coalesce(signal_days.engagement_units, 0))
            / {{ units_per_point }}.0 / {{ var('strength_saturation_points') }}
        )), 6) as strength_score,
        coalesce(signal_days.lost_units, 0) > 0 as has_lost_points,
        round(100 * (1 - exp(
            -(
                coalesce(signal_days.intent_units, 0) + coalesce(signal_days.engagement_units, 0)
                + coalesce(signal_days.lost_units, 0)
            )
            / {{ units_per_point }}.0 / {{ var('strength_saturation_points') }}
        )), 6) as strength_with_lost
    from held_days
    inner join day_facts on held_days.as_of_date = day_facts.as_of_date
    left join signal_days
        on
            held_days.account_id = signal_days.account_id
            and held_days.as_of_date = signal_days.as_of_date

),

-- Days on which a silent feed is missed, with what each state asks for, to enter it and to keep it:
-- as things stand, and as they could stand had the feed gone on as before.
asked as (

    select
        measured.*,
        state_rules.state_rank,
        state_rules.asks_strong_signal,
        state_rules.needs_committed_motion,
        state_rules.motion_replaces_signal,
        state_rules.enter_strength,
        state_rules.enter_coverage,
        state_rules.keep_strength,
        state_rules.keep_coverage
    from measured
    cross join state_rules
    where measured.has_lost_points or measured.lapsed_points or measured.lapsed_buying_signals
        or measured.has_lapsed_motion or measured.lapsed_reach or measured.missed_buying_signals

),

missed_days as (

    select
        account_id,
        as_of_date,
        state_rank,
        {%- for way, asked, strength, broad, buying, motion, coverage in [
            ('is_kept', 'keep', 'strength_score', 'is_broad', 'has_recent_buying_signal',
                'has_committed_motion', 'false'),
            ('is_held', 'keep', 'strength_with_lost', '(is_broad or lapsed_points)',
                '(has_recent_buying_signal or lapsed_buying_signals)',
                '(has_committed_motion or has_lapsed_motion)', 'lapsed_reach'),
            ('is_reachable', 'enter', 'strength_with_lost', '(is_broad or lapsed_points)',
                '(has_recent_buying_signal or missed_buying_signals)',
                '(has_committed_motion or has_lapsed_motion)', 'false')
        ] %}
        (
            (
                {{ strength }} >= {{ asked }}_strength
                and (not asks_strong_signal or ({{ broad }} and {{ buying }}))
            )
            or (motion_replaces_signal and {{ motion }})
        )
        and (not needs_committed_motion or {{ motion }})
        and (
            {{ coverage }}
            or coverage_unknown_reason is not null
            or reached_share >= {{ asked }}_coverage
        )
            as {{ way }}{{ ',' if not loop.last }}
        {%- endfor %}
    from asked

),

holds as (

    select
        account_id,
        as_of_date,
        max(case when is_kept then state_rank else 1 end) as kept_rank,
        max(case when is_kept or is_held then state_rank else 1 end) as held_rank,
        max(case when is_reachable then state_rank else 1 end) as reachable_rank
    from missed_days
    group by account_id, as_of_date

),

with_holds as (

    select
        measured.*,
        case when holds.held_rank > holds.kept_rank then holds.kept_rank end as kept_rank,
        case when holds.held_rank > holds.kept_rank then holds.held_rank end as held_rank,
        holds.reachable_rank
    from measured
    left join holds
        on measured.account_id = holds.account_id and measured.as_of_date = holds.as_of_date

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
    is_intent_delivered,
    coverage_unknown_reason,
    {%- for name, column in [
        ('filed', 'coverage'), ('reached', 'reached_coverage'), ('engaged', 'engaged_coverage')
    ] %}
    case when coverage_unknown_reason is null then {{ name }}_share end as {{ column }}_share,
    {%- endfor %}
    required_weight_millionths,
    has_committed_motion,
    is_outside_window,
    kept_rank,
    held_rank,
    reachable_rank,
    is_touched,
    is_attribution_changed
from with_holds
