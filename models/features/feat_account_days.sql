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

acts as (

    select * from {{ ref('int_account_acts') }}
    where points_h != 0

),

decay_weights as (

    select * from {{ ref('int_decay_weights') }}

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

-- Only a person who could ever pass the cap has to be summed apart, person by person.
people_at_cap as (

    select account_id, person_id
    from acts
    where person_id is not null
    group by account_id, person_id
    having sum(greatest(points_h, 0)) > {{ var('person_cap_points') * 100 }}

),

-- Whoever is summed apart has a number of its own: sums over tens of millions of acts x ages want
-- integers for keys, days included.
contributions as (

    select
        dense_rank() over (order by acts.account_id, people_at_cap.person_id) as contributor_number,
        acts.account_id,
        people_at_cap.person_id,
        {{ day_number('acts.occurred_date') }} as occurred_day,
        {{ day_number('acts.valid_from') }} - {{ day_number('acts.occurred_date') }} as first_age,
        {{ day_number('least(acts.valid_to, ' ~ add_days(end_date(), 1) ~ ')') }}
        - {{ day_number('acts.occurred_date') }} as end_age,
        acts.half_life_days,
        cast(sum(case when acts.channel = 'intent' then acts.points_h else 0 end) as bigint)
            as intent_points_h,
        cast(sum(case when acts.channel = 'intent' then 0 else acts.points_h end) as bigint)
            as engagement_points_h
    from acts
    left join people_at_cap
        on acts.account_id = people_at_cap.account_id and acts.person_id = people_at_cap.person_id
    group by
        acts.account_id,
        people_at_cap.person_id,
        acts.occurred_date,
        acts.valid_from,
        acts.valid_to,
        acts.half_life_days

),

contributors as (

    select distinct contributor_number, account_id, person_id from contributions

),

decayed_by_contributor as (

    select
        contributions.contributor_number,
        contributions.occurred_day + decay_weights.age_days as as_of_day,
        cast(sum(contributions.intent_points_h * decay_weights.weight_millionths) as bigint)
            as intent_units,
        cast(sum(contributions.engagement_points_h * decay_weights.weight_millionths) as bigint)
            as engagement_units
    from contributions
    inner join decay_weights
        on
            contributions.half_life_days = decay_weights.half_life_days
            and decay_weights.age_days >= contributions.first_age
            and decay_weights.age_days < contributions.end_age
    group by
        contributions.contributor_number, contributions.occurred_day + decay_weights.age_days

),

decayed as (

    select
        contributors.account_id,
        {{ add_days("cast('1970-01-01' as date)", 'decayed_by_contributor.as_of_day') }}
            as as_of_date,
        cast(sum(decayed_by_contributor.intent_units) as bigint) as intent_units,
        cast(sum(
            case
                when contributors.person_id is null then decayed_by_contributor.engagement_units
                else least(
                    decayed_by_contributor.engagement_units,
                    {{ var('person_cap_points') * units_per_point }}
                )
            end
        ) as bigint) as engagement_units
    from decayed_by_contributor
    inner join contributors
        on decayed_by_contributor.contributor_number = contributors.contributor_number
    group by contributors.account_id, decayed_by_contributor.as_of_day

),

measured as (

    select
        running.account_id,
        day_facts.as_of_date,
        {%- for measure in measures %}
        running.{{ measure }},
        {%- endfor %}
        day_facts.is_month_end,
        day_facts.has_target_list,
        day_facts.fit_total_weight,
        coalesce(decayed.intent_units, 0) as intent_units,
        coalesce(decayed.engagement_units, 0) as engagement_units,
        round(100 * (1 - exp(
            -(coalesce(decayed.intent_units, 0) + coalesce(decayed.engagement_units, 0))
            / {{ units_per_point }}.0 / {{ var('strength_saturation_points') }}
        )), 6) as strength_score,
        running.engaged_people >= {{ var('broad_min_people') }}
        or (
            case when running.intent_points > 0 then 1 else 0 end
            + case when running.web_points > 0 then 1 else 0 end
            + case when running.marketing_points > 0 then 1 else 0 end
            + case when running.sales_points > 0 then 1 else 0 end
        ) >= {{ var('broad_min_channels') }} as is_broad,
        running.buying_signals > 0 as has_recent_buying_signal,
        {%- for channel in channels %}
        running.seen_{{ channel }} > 0 as sees_{{ channel }},
        {%- endfor %}
        {%- for channel in channels %}
        {{ 'or ' if not loop.first }}running.observable_{{ channel }} > 0
        {%- endfor %}
            as has_visibility,
        {%- for channel in channels %}
        {{ 'or ' if not loop.first }}running.seen_{{ channel }} > 0
        {%- endfor %}
            as sees_something,
        running.moving_deals > 0 or (running.committed_deals > 0 and running.two_way_acts > 0)
            as has_committed_motion
    from running
    inner join accounts
        on
            running.account_id = accounts.account_id
            and running.valid_from < accounts.valid_to
            and accounts.valid_from < running.valid_to
    inner join day_facts
        on
            day_facts.as_of_date >= greatest(running.valid_from, accounts.valid_from)
            and day_facts.as_of_date < least(running.valid_to, accounts.valid_to)
    left join decayed
        on running.account_id = decayed.account_id and day_facts.as_of_date = decayed.as_of_date

),

tiered as (

    select
        measured.*,
        round(fit_known_weight / nullif(fit_total_weight, 0), 6) as fit_completeness_share,
        round(100.0 * fit_matched_weight / nullif(fit_known_weight, 0), 6) as fit_score,
        case
            when fit_must_not > 0 then 'weak'
            when
                fit_known_weight < {{ var('fit_min_known_share') }} * fit_total_weight
                then 'unknown'
            when 100 * fit_matched_weight >= {{ var('fit_strong_min_score') }} * fit_known_weight
                then 'strong'
            when 100 * fit_matched_weight >= {{ var('fit_moderate_min_score') }} * fit_known_weight
                then 'moderate'
            else 'weak'
        end as fit_tier
    from measured

)

select
    account_id,
    as_of_date,
    is_month_end,
    listed > 0 or not has_target_list as is_target,
    case
        when contracts > 0 and active_contracts > 0 then 'customer'
        when contracts = 0 and recently_won_deals > 0 then 'customer'
        when contracts > 0 or won_deals > 0 then 'former_customer'
        when open_deals > 0 then 'open_opportunity'
        else 'prospect'
    end as lifecycle,
    fit_score,
    fit_tier,
    fit_tier != 'weak' as fits_icp,
    fit_tier = 'unknown' as is_fit_assumed,
    fit_completeness_share,
    strength_score,
    intent_units / {{ units_per_point }}.0 as intent_points,
    engagement_units / {{ units_per_point }}.0 as engagement_points,
    cast(engaged_people as integer) as engaged_people,
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
    sees_something as is_observable,
    has_visibility and not sees_something as is_blinded_by_stale_feed,
    coalesce(round(filed_weight_e6 / nullif(required_weight_e6, 0), 6), 0) as coverage_share,
    coalesce(round(reached_weight_e6 / nullif(required_weight_e6, 0), 6), 0)
        as reached_coverage_share,
    coalesce(round(engaged_weight_e6 / nullif(required_weight_e6, 0), 6), 0)
        as engaged_coverage_share,
    required_weight_e6 as required_weight_millionths,
    has_committed_motion,
    closed_windows_now > 0
    or (open_windows > 0 and open_windows_now = 0)
    or (recently_lost_deals > 0 and open_deals = 0) as is_outside_window,
    held_by_stale_feeds > 0 as is_paused,
    touches > 0 as is_touched,
    attribution_changes > 0 as is_attribution_changed
from tiered
