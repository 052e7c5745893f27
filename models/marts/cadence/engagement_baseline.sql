{%- set before_weeks = var('baseline_days') // 7 -%}
{%- set baseline_words = before_weeks ~ ' weeks before the programme began' -%}
{%- set day = end_date() -%}

with activities as (

    select
        activities.*
    from {{ ref('int_activity_daily') }} as activities
    inner join {{ ref('activity_types') }} as activity_types
        on activities.activity_type = activity_types.activity_type
    -- What they did, and nothing that machines, applicants or we did.
    where activity_types.base_points > 0 and not activity_types.is_own_touch
        and activities.known_date <= {{ day }} and activities.occurred_date <= {{ day }}

),

identities as (

    select * from {{ ref('int_identity_owners') }}

),

traffic_weights as (

    select * from {{ ref('int_traffic_weights') }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

accounts as (

    select
        account_id,
        min(valid_from) as known_from
    from {{ ref('int_accounts') }}
    where valid_from <= {{ day }}
    group by account_id
    having max(valid_to) > {{ day }}

),

memberships as (

    select
        *,
        row_number() over (partition by account_id order by valid_from desc) as recency,
        min(listed_on) over (partition by account_id, programme_start_date) as first_listed_on
    from {{ ref('int_target_accounts') }}
    where valid_from <= {{ day }}

),

-- Whoever was taken off the list stays in the comparison: who is taken off is who did not move.
targets as (

    select
        account_id,
        target_tier,
        programme_start_date,
        greatest(coalesce(programme_start_date, first_listed_on), first_listed_on) as began_on,
        valid_to > {{ day }} as is_target
    from memberships
    where recency = 1

),

usual_start as (

    select began_on
    from targets
    where began_on <= {{ day }}
    group by began_on
    order by count(*) desc, began_on
    limit 1

),

-- Accounts that were never listed show what would have moved without a programme.
begun as (

    select
        accounts.account_id,
        accounts.known_from,
        targets.account_id is not null as was_listed,
        coalesce(targets.is_target, false) as is_target,
        targets.target_tier,
        targets.programme_start_date,
        coalesce(targets.began_on, usual_start.began_on) as began_on
    from accounts
    left join targets on accounts.account_id = targets.account_id
    left join usual_start on 1 = 1

),

members as (

    select
        *,
        {{ add_days('began_on', -7 * before_weeks) }} as baseline_from
    from begun
    where began_on <= {{ day }}

),

-- Another programme in force before this one began: what was before is no state of rest.
overlapped as (

    select distinct members.account_id
    from members
    inner join memberships on members.account_id = memberships.account_id
    where memberships.programme_start_date is distinct from members.programme_start_date
        and memberships.valid_from < members.began_on
        and memberships.valid_to > members.baseline_from

),

owned as (

    select
        members.account_id,
        members.began_on,
        members.baseline_from,
        identities.identity_type,
        identities.identity,
        identities.fallback_identity,
        identities.person_id,
        identities.traffic_domain
    from identities
    inner join members on identities.account_id = members.account_id
    where {{ on_last_day('identities.') }}

),

-- Whose acts they are is judged as known on the day, for both windows alike.
acts as (

    select
        owned.account_id,
        owned.began_on,
        owned.identity_type,
        owned.identity,
        owned.fallback_identity,
        coalesce(owned.person_id, '') as person_id,
        activities.feed,
        activities.occurred_date,
        sum(activities.quantity) as acts,
        sum(activities.visit_seconds) as visit_seconds
    from activities
    inner join owned
        on
            activities.identity_type = owned.identity_type
            and activities.identity = owned.identity
            and activities.fallback_identity = owned.fallback_identity
    left join traffic_weights
        on
            owned.traffic_domain = traffic_weights.traffic_domain
            and activities.occurred_date >= traffic_weights.valid_from
            and activities.occurred_date < traffic_weights.valid_to
    where activities.occurred_date >= owned.baseline_from
        and coalesce(traffic_weights.weight_share, 1) > 0
    group by
        owned.account_id, owned.began_on, owned.identity_type, owned.identity,
        owned.fallback_identity, owned.person_id, activities.feed, activities.occurred_date
    having sum(activities.quantity) > 0

),

-- Acts that came to an account from another one, or went, since its baseline began.
changed_owners as (

    select
        account_id,
        lag(account_id) over of_identity as previous_account_id,
        identity_type,
        identity,
        fallback_identity,
        valid_from as changed_on
    from identities
    where valid_from <= {{ day }}
    window of_identity as (
        partition by identity_type, identity, fallback_identity order by valid_from
    )

),

active as (

    select distinct identity_type, identity, fallback_identity from acts

),

moves as (

    select changed_owners.*
    from changed_owners
    inner join active
        on
            changed_owners.identity_type = active.identity_type
            and changed_owners.identity = active.identity
            and changed_owners.fallback_identity = active.fallback_identity
    where changed_owners.previous_account_id != changed_owners.account_id

),

moved as (

    select
        members.account_id,
        max(sides.changed_on) as changed_on
    from (
        select account_id, changed_on from moves
        union all
        select previous_account_id, changed_on from moves
    ) as sides
    inner join members on sides.account_id = members.account_id
    where sides.changed_on > members.baseline_from
    group by members.account_id

),

-- A feed began with its first act, unless it is often silent for as long as before that.
feed_days as (

    select
        feed,
        occurred_date,
        {{ dbt.datediff(
            '(lag(occurred_date) over (partition by feed order by occurred_date))', 'occurred_date',
            'day'
        ) }} as silent_days
    from (select distinct feed, occurred_date from activities) as days_of_feeds

),

feed_starts as (

    select
        feed,
        min(occurred_date) as first_on,
        coalesce(max(silent_days), 0) as longest_silence_days
    from feed_days
    group by feed

),

feed_gaps as (

    select * from {{ ref('int_feed_gaps') }}
    where valid_from <= {{ day }}

),

retired as (

    select
        source || '.' || table_name as feed_table,
        retired_on
    from {{ ref('feeds') }}
    where retired_on <= {{ day }}

),

account_feeds as (

    select distinct acts.account_id, acts.feed, members.began_on, members.baseline_from
    from acts
    inner join members on acts.account_id = members.account_id

),

-- A feed that did not run through the whole baseline is left out of both windows: what it brings
-- since is no rise. To leave out the accounts instead would choose them by what they did. One that
-- is stale today ends the comparison with its last delivery; what comes later counts on its day.
feed_faults as (

    select
        account_feeds.account_id,
        account_feeds.feed,
        min(case when feed_gaps.valid_to > {{ day }} then feed_gaps.last_delivery_date end)
            as complete_until,
        max(
            case
                when {{ dbt.datediff(
                    'account_feeds.baseline_from', 'feed_starts.first_on', 'day'
                ) }} > feed_starts.longest_silence_days
                    then 1
                when feed_gaps.last_delivery_date < account_feeds.began_on
                    and feed_gaps.valid_to > account_feeds.baseline_from
                    then 1
                when retired.retired_on > account_feeds.baseline_from then 1
                else 0
            end
        ) = 1 as is_left_out
    from account_feeds
    inner join feed_starts on account_feeds.feed = feed_starts.feed
    left join feed_gaps
        on account_feeds.feed = feed_gaps.feed and account_feeds.baseline_from < feed_gaps.valid_to
    left join retired
        on {{ dbt.split_part('account_feeds.feed', "'@'", 1) }} = retired.feed_table
    group by account_feeds.account_id, account_feeds.feed

),

faults_of_accounts as (

    select
        account_id,
        min(case when not is_left_out then complete_until end) as complete_until,
        string_agg(case when is_left_out then feed end, ', ' order by feed) as left_out_feeds,
        count(*) = count(case when is_left_out then 1 end) as is_all_left_out
    from feed_faults
    group by account_id

),

windows as (

    select
        members.*,
        faults_of_accounts.left_out_feeds,
        coalesce(faults_of_accounts.is_all_left_out, false) as is_all_left_out,
        moved.changed_on,
        overlapped.account_id is not null as is_overlapped,
        cast(greatest(floor((
            {{ dbt.datediff(
                'members.began_on',
                'least(coalesce(faults_of_accounts.complete_until, ' ~ day ~ '), ' ~ day ~ ')',
                'day'
            ) }} + 1
        ) / 7.0), 0) as integer) as after_weeks
    from members
    left join faults_of_accounts on members.account_id = faults_of_accounts.account_id
    left join moved on members.account_id = moved.account_id
    left join overlapped on members.account_id = overlapped.account_id

),

judged as (

    select
        *,
        case
            when known_from > baseline_from
                then 'We have known the account only since '
                    || cast(known_from as {{ dbt.type_string() }})
                    || ', later than the first of the {{ baseline_words }}'
            when is_all_left_out
                then 'Its activities came only from feeds that did not run through all of the'
                    || ' {{ baseline_words }}: ' || left_out_feeds
            when changed_on is not null
                then 'People or domains came from another account or went to one, last on '
                    || cast(changed_on as {{ dbt.type_string() }})
                    || ', and their activities with them'
            when is_overlapped
                then 'The account was in another programme during the {{ baseline_words }}'
        end as unclean_reason,
        after_weeks >= {{ var('baseline_min_weeks') }} as is_long_enough
    from windows

),

-- Somebody's day is one visit, whatever feeds tell of it.
person_days as (

    select
        acts.account_id,
        acts.person_id,
        acts.occurred_date,
        acts.occurred_date < acts.began_on as is_before,
        sum(acts.acts) as acts,
        max(case when acts.person_id = '' then 0 else 1 end) as visitors,
        sum(acts.visit_seconds) as visit_minutes
    from acts
    inner join judged on acts.account_id = judged.account_id
    inner join feed_faults
        on acts.account_id = feed_faults.account_id and acts.feed = feed_faults.feed
    where not feed_faults.is_left_out
        and {{ dbt.datediff('acts.began_on', 'acts.occurred_date', 'day') }}
        < 7 * judged.after_weeks
    group by acts.account_id, acts.person_id, acts.occurred_date, acts.began_on

),

measured as (

    {%- for measure in ['acts', 'visitors', 'visit_minutes'] %}
    select
        account_id,
        '{{ measure }}' as measure,
        cast(sum(case when is_before then {{ measure }} else 0 end) as bigint) as before_amount,
        cast(sum(case when is_before then 0 else {{ measure }} end) as bigint) as after_amount,
        cast(sum({{ measure }} * {{ measure }}) as bigint) as squares
    from person_days
    group by account_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

measures as (

    {{ rows_of_words(['acts', 'visitors', 'visit_minutes'], 'measure') }}

),

amounts as (

    select
        judged.*,
        measures.measure,
        {{ before_weeks }} as before_weeks,
        coalesce(measured.before_amount, 0) as before_amount,
        coalesce(measured.after_amount, 0) as after_amount,
        coalesce(measured.squares, 0) as squares,
        judged.unclean_reason is null and judged.is_long_enough as is_compared,
        cast(coalesce(measured.before_amount, 0) * judged.after_weeks as double)
        / {{ before_weeks }} as expected_amount
    from judged
    cross join measures
    left join measured
        on judged.account_id = measured.account_id and measures.measure = measured.measure

),

-- After against before of all together: each account's own past, carried on, is what is expected.
cohort_ratios as (

    select
        was_listed,
        measure,
        sum(after_amount) / nullif(sum(expected_amount), 0) as ratio
    from amounts
    where is_compared
    group by was_listed, measure

),

clumps as (

    select
        measure,
        greatest(cast(sum(squares) as double) / sum(before_amount + after_amount), 1) as clump
    from amounts
    where is_compared
    group by measure
    having sum(before_amount + after_amount) > 0

),

shared as (

    select
        amounts.*,
        coalesce(clumps.clump, 1) as clump,
        amounts.before_weeks
        / (amounts.before_weeks + coalesce(cohort_ratios.ratio, 1) * amounts.after_weeks)
            as expected_share
    from amounts
    left join clumps on amounts.measure = clumps.measure
    left join cohort_ratios
        on
            amounts.was_listed = cohort_ratios.was_listed
            and amounts.measure = cohort_ratios.measure

),

spreads as (

    select
        measure,
        {{ spread_between_windows() }} as spread
    from shared
    where is_compared
    group by measure

),

account_counts as (

    select
        shared.account_id,
        shared.measure,
        shared.before_weeks,
        shared.after_weeks,
        shared.before_amount,
        shared.after_amount,
        shared.clump,
        coalesce(spreads.spread, 0) as spread
    from shared
    left join spreads on shared.measure = spreads.measure
    where shared.is_compared and shared.was_listed

),

account_changes as (

    {{ change_between_windows('account_counts', var('baseline_interval_width')) }}

),

cohorts as (

    select account_id, 'all' as segment_type, 'all' as segment_value
    from members
    where was_listed
    union all
    select account_id, 'target_tier', coalesce(target_tier, 'unknown')
    from members
    where was_listed
    union all
    select account_id, 'rest', 'rest'
    from members
    where not was_listed

),

cohort_sums as (

    select
        cohorts.segment_type,
        cohorts.segment_value,
        amounts.measure,
        min(amounts.began_on) as began_on,
        max(amounts.after_weeks) as after_weeks,
        count(*) as accounts,
        count(case when amounts.is_compared then 1 end) as compared,
        count(
            case when amounts.is_compared and amounts.before_amount + amounts.after_amount > 0
                then 1 end
        ) as seen,
        sum(case when amounts.is_compared then amounts.before_weeks end) as before_account_weeks,
        sum(case when amounts.is_compared then amounts.after_weeks end) as after_account_weeks,
        sum(case when amounts.is_compared then amounts.before_amount end) as before_amount,
        sum(case when amounts.is_compared then amounts.after_amount end) as after_amount,
        sum(case when amounts.is_compared then amounts.expected_amount end) as expected_amount,
        sum(case when amounts.is_compared then amounts.after_amount * amounts.after_amount end)
            as after_squares,
        sum(
            case when amounts.is_compared
                then amounts.expected_amount * amounts.expected_amount end
        ) as expected_squares,
        sum(case when amounts.is_compared then amounts.after_amount * amounts.expected_amount end)
            as products
    from cohorts
    inner join amounts on cohorts.account_id = amounts.account_id
    group by cohorts.segment_type, cohorts.segment_value, amounts.measure

),

cohort_changes as (

    {{ change_of_many(
        'cohort_sums', var('baseline_interval_width'), var('baseline_min_accounts')
    ) }}

),

rows_of_both as (

    select
        'account' as scope,
        'account' as segment_type,
        amounts.account_id as segment_value,
        amounts.account_id,
        amounts.measure,
        amounts.is_target,
        amounts.began_on,
        1 as accounts,
        case when amounts.is_compared then 1 else 0 end as compared,
        amounts.before_weeks,
        amounts.after_weeks,
        amounts.before_amount,
        amounts.after_amount,
        amounts.before_weeks as before_account_weeks,
        amounts.after_weeks as after_account_weeks,
        changes.change_share,
        changes.lower_share,
        changes.upper_share,
        amounts.left_out_feeds,
        amounts.unclean_reason,
        amounts.is_long_enough
    from amounts
    left join account_changes as changes
        on amounts.account_id = changes.account_id and amounts.measure = changes.measure
    where amounts.was_listed

    union all

    select
        'cohort',
        segment_type,
        segment_value,
        null,
        measure,
        null,
        began_on,
        accounts,
        compared,
        {{ before_weeks }},
        after_weeks,
        before_amount,
        after_amount,
        before_account_weeks,
        after_account_weeks,
        change_share,
        lower_share,
        upper_share,
        null,
        case
            when compared = 0
                then 'For no account is enough known of the {{ baseline_words }} and of'
                    || ' the time since'
            when before_amount + after_amount > 0 and seen < {{ var('baseline_min_accounts') }}
                then 'Fewer than {{ var("baseline_min_accounts") }} of the accounts that can be'
                    || ' compared did anything'
        end,
        true
    from cohort_changes

),

stated as (

    select
        *,
        case
            when unclean_reason is not null then 'not_comparable'
            when not is_long_enough then 'too_soon'
            when before_amount + after_amount = 0 then 'nothing_seen'
            when lower_share > 0 then 'rose'
            when upper_share < 0 then 'fell'
            else 'no_clear_change'
        end as verdict,
        case when measure = 'visit_minutes' then 60.0 else 1.0 end as units
    from rows_of_both

)

select
    stated.scope,
    stated.segment_type,
    stated.segment_value,
    stated.account_id,
    names.account_name,
    names.owner_name,
    {{ day }} as as_of_date,
    stated.measure,
    stated.is_target,
    stated.began_on,
    cast(stated.accounts as bigint) as accounts,
    cast(stated.compared as bigint) as compared_accounts,
    cast(stated.before_weeks as integer) as before_weeks,
    cast(stated.after_weeks as integer) as after_weeks,
    cast(round(
        stated.before_amount / stated.units / nullif(7 * stated.before_account_weeks, 0), 6
    ) as double) as before_per_day,
    cast(round(
        stated.after_amount / stated.units / nullif(7 * stated.after_account_weeks, 0), 6
    ) as double) as after_per_day,
    cast(round(stated.change_share, 6) as double) as change_share,
    cast(round(stated.lower_share, 6) as double) as lower_share,
    cast(round(stated.upper_share, 6) as double) as upper_share,
    stated.left_out_feeds,
    stated.verdict,
    case stated.verdict
        when 'not_comparable' then stated.unclean_reason || '.'
        when 'too_soon'
            then 'Since the programme began, all feeds of the account have delivered for fewer than'
                || ' {{ var("baseline_min_weeks") }} whole weeks.'
        when 'nothing_seen' then 'Nothing was seen, neither before nor after.'
        when 'rose' then 'It rose by more than chance explains.'
        when 'fell' then 'It fell by more than chance explains.'
        else 'No clear change: chance may explain the difference.'
    end as why
from stated
left join names on stated.account_id = names.account_id
