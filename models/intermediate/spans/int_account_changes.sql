{#- Amounts are summed; of every other measure only whether any span holds on the day is kept. -#}
{%- set amounts = ['fit_known_weight', 'fit_matched_weight', 'engaged_people'] -%}
{%- set coverage_amounts = [
    'filed_weight_e6', 'reached_weight_e6', 'engaged_weight_e6', 'required_weight_e6'
] -%}

with acts as (

    select * from {{ ref('int_account_acts') }}

),

reach_spans as (

    select * from {{ ref('int_reach_spans') }}

),

persona_spans as (

    select * from {{ ref('int_persona_spans') }}
    where is_required

),

opportunities as (

    select * from {{ ref('int_opportunity_spans') }}

),

contract_spans as (

    select
        account_id,
        ends_on,
        greatest(valid_from, starts_on) as valid_from,
        valid_to
    from {{ ref('int_contract_spans') }}

),

windows as (

    select * from {{ ref('int_window_spans') }}
    where decides_timing

),

feed_gaps as (

    select * from {{ ref('int_feed_gaps') }}

),

-- What counted when its feed went silent and has grown too old since: the feed could have renewed
-- it, had it gone on. Held for a while. Beside it the buying signals of some time before: who has
-- given one of late may have given another since.
lapsed as (

    {%- for measure, days, condition, is_lapsed in [
        ('lapsed_points', var('engaged_days'), 'acts.base_points_h != 0', true),
        ('lapsed_buying_signals', var('buying_signal_days'), 'acts.is_buying_signal', true),
        ('lapsed_two_way_acts', var('motion_days'), 'acts.is_two_way', true),
        ('lapsed_reach', var('reached_days'), 'acts.reaches_person and acts.person_id is not null',
            true),
        ('missed_buying_signals', var('engaged_days'), 'acts.is_buying_signal', false),
    ] %}
    select
        acts.account_id,
        '{{ measure }}' as measure,
        acts.occurred_date,
        {{ days }} as window_days,
        acts.quantity,
        feed_gaps.last_delivery_date,
        greatest(
            acts.valid_from,
            feed_gaps.valid_from{{ ',' if is_lapsed }}
            {{ add_days('acts.occurred_date', days) if is_lapsed }}
        ) as valid_from,
        least(
            acts.valid_to,
            feed_gaps.valid_to,
            {{ add_days('feed_gaps.valid_from', var('stale_hold_days')) }}
        ) as held_until
    from acts
    inner join feed_gaps on acts.feed = feed_gaps.feed
    where {{ condition }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

people_on_file as (

    select account_id, absence_reason, seats_told_from, valid_from, valid_to
    from {{ ref('int_person_records') }}
    where account_id is not null

),

-- From when on a source says of any of its people who sits where.
seat_sources as (

    select source_system, source_instance, min(seats_told_from) as seats_told_from
    from {{ ref('int_person_versions') }}
    where seats_told_from is not null
    group by source_system, source_instance

),

first_seat_source as (

    select min(seats_told_from) as seats_told_from from seat_sources

),

-- What can be known of an account of which nobody is on file: its CRM says who sits where, or, of
-- a target that no CRM has, any source does.
account_sources as (

    select
        survivors.account_id,
        seat_sources.seats_told_from,
        greatest(versions.valid_from, survivors.valid_from) as valid_from,
        least(versions.valid_to, survivors.valid_to) as valid_to
    from {{ ref('int_account_versions') }} as versions
    inner join {{ ref('int_account_survivors') }} as survivors
        on
            versions.crm_account_id = survivors.crm_account_id
            and versions.valid_from < survivors.valid_to
            and survivors.valid_from < versions.valid_to
    inner join seat_sources
        on
            versions.source_system = seat_sources.source_system
            and versions.source_instance = seat_sources.source_instance
    where not versions.is_deleted

    union all

    select
        accounts.account_id, first_seat_source.seats_told_from, accounts.valid_from,
        accounts.valid_to
    from {{ ref('int_accounts') }} as accounts
    inner join first_seat_source on first_seat_source.seats_told_from < accounts.valid_to
    where not accounts.is_in_crm

),

-- Every daily fact about an account is how many dated spans of a kind hold on the day, or the sum
-- of their integer amounts.
spans as (

    select account_id, 'listed' as measure, valid_from, valid_to, 1 as amount
    from {{ ref('int_target_accounts') }}

    union all

    select
        account_id, 'fit_known_weight', valid_from, valid_to, weight
    from {{ ref('int_fit_spans') }}
    where not is_must_not

    union all

    select account_id, 'fit_matched_weight', valid_from, valid_to, weight
    from {{ ref('int_fit_spans') }}
    where not is_must_not and is_match

    union all

    select account_id, 'fit_must_not', valid_from, valid_to, 1
    from {{ ref('int_fit_spans') }}
    where is_must_not and is_match

    union all

    select
        account_id, channel || '_points', valid_from,
        least(valid_to, {{ add_days('occurred_date', var('engaged_days')) }}), base_points_h
    from acts
    where base_points_h != 0

    union all

    select
        account_id, 'buying_signals', valid_from,
        least(valid_to, {{ add_days('occurred_date', var('buying_signal_days')) }}), quantity
    from acts
    where is_buying_signal

    union all

    select
        account_id, 'two_way_acts', valid_from,
        least(valid_to, {{ add_days('occurred_date', var('motion_days')) }}), quantity
    from acts
    where is_two_way

    union all

    select
        account_id, 'touches', valid_from,
        least(valid_to, {{ add_days('occurred_date', var('touched_days')) }}), quantity
    from acts
    where is_addressed

    union all

    select account_id, measure, valid_from, held_until, quantity
    from lapsed
    where {{ add_days('occurred_date', 'window_days') }} > last_delivery_date

    union all

    select account_id, 'attribution_changes', changed_on, {{ add_days('changed_on', 1) }}, 1
    from {{ ref('int_attribution_changes') }}

    union all

    select account_id, 'engaged_people', valid_from, valid_to, 1
    from reach_spans
    where is_engaged

    union all

    select account_id, 'people_on_file', valid_from, valid_to, 1
    from people_on_file
    where absence_reason is distinct from 'deleted'

    union all

    -- Of people who are gone too: what a table tells is no matter of who is left in it.
    select account_id, 'seats_told', greatest(valid_from, seats_told_from), valid_to, 1
    from people_on_file
    where seats_told_from is not null

    union all

    select account_id, 'seats_told_if_any', greatest(valid_from, seats_told_from), valid_to, 1
    from account_sources

    union all

    select account_id, measure, valid_from, valid_to, 1
    from {{ ref('int_observability_spans') }}

    union all

    select account_id, 'open_deals', valid_from, valid_to, 1
    from opportunities
    where outcome = 'open' and not is_renewal

    union all

    select account_id, 'committed_deals', valid_from, valid_to, 1
    from opportunities
    where is_committed and not is_renewal

    union all

    select
        account_id, 'moving_deals', valid_from,
        least(valid_to, {{ add_days('stage_changed_date', var('motion_days')) }}), 1
    from opportunities
    where is_committed and not is_renewal

    union all

    select
        account_id, 'moving_deals', valid_from,
        least(valid_to, {{ add_days('close_date', var('close_date_grace_days') + 1) }}), 1
    from opportunities
    where is_committed and not is_renewal and close_date is not null

    union all

    select account_id, 'won_deals', valid_from, valid_to, 1
    from opportunities
    where outcome = 'won'

    union all

    select
        account_id, 'recently_won_deals', valid_from,
        least(
            valid_to,
            cast({{ dbt.dateadd('month', var('customer_months'), 'stage_changed_date') }} as date)
        ),
        1
    from opportunities
    where outcome = 'won'

    union all

    select
        account_id, 'recently_lost_deals', valid_from,
        least(valid_to, {{ add_days('stage_changed_date', var('lost_deal_cooldown_days')) }}), 1
    from opportunities
    where outcome = 'lost'

    union all

    select account_id, 'contracts', valid_from, valid_to, 1
    from contract_spans

    union all

    select
        account_id, 'active_contracts', valid_from, least(valid_to, {{ add_days('ends_on', 1) }}), 1
    from contract_spans

    union all

    select account_id, 'open_windows', valid_from, valid_to, 1
    from windows
    where effect = 'open'

    union all

    select
        account_id, 'open_windows_now', greatest(valid_from, starts_on),
        least(valid_to, {{ add_days('ends_on', 1) }}), 1
    from windows
    where effect = 'open'

    union all

    select
        account_id, 'closed_windows_now', greatest(valid_from, starts_on),
        least(valid_to, {{ add_days('ends_on', 1) }}), 1
    from windows
    where effect = 'closed'

),

current_spans as (

    select
        account_id,
        measure,
        greatest(valid_from, {{ replay_start_date() }}) as valid_from,
        valid_to,
        amount
    from spans
    where valid_from < valid_to
        and valid_to > {{ replay_start_date() }}
        and valid_from <= {{ end_date() }}

),

changes as (

    select account_id, measure, valid_from as changed_on, amount
    from current_spans
    union all
    select account_id, measure, valid_to as changed_on, -amount as amount
    from current_spans
    where valid_to <= {{ end_date() }}

),

daily_changes as (

    select
        account_id,
        measure,
        changed_on,
        cast(sum(amount) as bigint) as change
    from changes
    group by account_id, measure, changed_on
    having sum(amount) != 0

),

running as (

    select
        daily_changes.*,
        sum(change) over (
            partition by account_id, measure order by changed_on
            rows between unbounded preceding and current row
        ) as spans_held
    from daily_changes
    where measure not in (
        '{{ amounts | join("', '") }}'
    )

),

flips as (

    select
        account_id,
        changed_on,
        measure,
        cast(
            case when spans_held > 0 then 1 else 0 end
            - case when spans_held - change > 0 then 1 else 0 end
            as bigint
        ) as change
    from running

),

-- What coverage is made of changes for all four amounts on the same days, and more often than all
-- the rest together: it is summed side by side.
coverage_spans as (

    select
        account_id,
        greatest(valid_from, {{ replay_start_date() }}) as valid_from,
        valid_to,
        {%- for measure in ['filed', 'reached', 'engaged'] %}
        cast(round(weight * {{ measure }}_share * 1e6) as bigint) as {{ measure }}_weight_e6,
        {%- endfor %}
        cast(round(weight * 1e6) as bigint) as required_weight_e6
    from persona_spans
    where valid_from < valid_to
        and valid_to > {{ replay_start_date() }}
        and valid_from <= {{ end_date() }}

),

coverage_changes as (

    select
        account_id,
        changed_on,
        {%- for amount in coverage_amounts %}
        cast(sum({{ amount }}) as bigint) as {{ amount }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select account_id, valid_from as changed_on, {{ coverage_amounts | join(', ') }}
        from coverage_spans
        union all
        select account_id, valid_to, -{{ coverage_amounts | join(', -') }}
        from coverage_spans
        where valid_to <= {{ end_date() }}
    ) as changes
    group by account_id, changed_on

)

select account_id, changed_on, measure, change
from flips
where change != 0

union all

select account_id, changed_on, measure, change
from daily_changes
where measure in (
    '{{ amounts | join("', '") }}'
)

{% for amount in coverage_amounts %}
union all

select account_id, changed_on, '{{ amount }}', {{ amount }}
from coverage_changes
where {{ amount }} != 0
{% endfor %}
