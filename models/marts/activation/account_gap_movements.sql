{%- set segments = gap_segments() -%}

with names as (

    select account_id, account_name from {{ ref('int_account_names') }}

),

gap_history as (

    select * from {{ ref('account_gap_history') }}

),

activation_history as (

    select * from {{ ref('account_activation_history') }}

),

gap_days as (

    select as_of_date, target_accounts, ruleset_version from {{ ref('activation_gap') }}
    where segment_type = 'all'

),

-- Until a list is known every account is a target.
first_listing as (

    select min(valid_from) as listed_from from {{ ref('int_target_accounts') }}

),

-- Days that were computed under other rules than the day before.
rule_changes as (

    select as_of_date
    from (
        select
            as_of_date,
            ruleset_version != lag(ruleset_version) over (order by as_of_date) as is_rule_change
        from gap_days
    ) as compared
    where is_rule_change

),

-- Each row of a target beside its row before; the first stored day has none before it.
changes as (

    select
        *,
        min(as_of_date) over () as first_date,
        coalesce(lag(is_gap) over of_account, false) as was_gap,
        coalesce(lag(is_target) over of_account, false) as was_target,
        coalesce(lag(listed_rows) over of_account, 0) > 0 as was_listed,
        {%- for segment, column in segments.items() %}
        coalesce({{ column }}, 'unknown') as {{ segment }}_value,
        coalesce(lag({{ column }}) over of_account, 'unknown')
            as {{ segment }}_before{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            gap_history.*,
            first_listing.listed_from,
            -- Also who is taken off a list was on it.
            sum(case
                when gap_history.as_of_date > first_listing.listed_from
                    or (gap_history.as_of_date = first_listing.listed_from
                        and gap_history.is_target)
                    then 1
                else 0
            end) over (
                partition by gap_history.account_id order by gap_history.as_of_date
                rows between unbounded preceding and current row
            ) as listed_rows
        from gap_history
        cross join first_listing
    ) as listed
    window of_account as (partition by account_id order by as_of_date)

),

-- Days on which a list begins: the first of all, and those on which so many targets are on a list
-- for the first time that it is another list.
list_days as (

    select listed_from as as_of_date from first_listing

    union

    select changes.as_of_date
    from changes
    inner join gap_days on changes.as_of_date = gap_days.as_of_date
    where changes.is_target and not changes.was_target and not changes.was_listed
        and changes.target_cause = 'list'
        and changes.as_of_date > changes.listed_from
    group by changes.as_of_date, gap_days.target_accounts
    having count(*) >= {{ var('new_list_min_accounts') }}
        and count(*) >= {{ var('new_list_min_share') }} * gap_days.target_accounts

),

-- The rules brought a fall about if they changed on the first of its days below, a rise if they
-- changed on its day.
movements as (

    select
        changes.*,
        activation_history.reason,
        activation_history.is_attribution_changed,
        {{ account_words('names.account_name', 'changes.other_account_id') }} as other_account,
        case
            when not changes.is_target then 'removed'
            when not changes.was_target then 'listed'
            when changes.is_gap and not changes.was_gap then 'cooled'
            when changes.was_gap and not changes.is_gap then 'activated'
        end as change_kind,
        list_days.as_of_date is not null
        and changes.is_target != changes.was_target
        and changes.target_cause = 'list'
        and changes.state is not null as is_list_begun,
        day_rules.as_of_date is not null as is_rule_change,
        fall_rules.as_of_date is not null as is_fall_by_rules
    from changes
    left join activation_history
        on
            changes.account_id = activation_history.account_id
            and changes.as_of_date = activation_history.valid_from
    left join names on changes.other_account_id = names.account_id
    left join list_days on changes.as_of_date = list_days.as_of_date
    left join rule_changes as day_rules on changes.as_of_date = day_rules.as_of_date
    left join rule_changes as fall_rules
        on
            activation_history.reason_code = 'fall'
            and fall_rules.as_of_date = {{ add_days(
                'changes.as_of_date', '1 - activation_history.days_below'
            ) }}
    where changes.as_of_date > changes.first_date and (changes.is_gap or changes.was_gap)

),

caused as (

    select
        *,
        case
            when is_list_begun then null
            when change_kind in ('listed', 'removed') and target_cause != 'list' then target_cause
            when change_kind in ('listed', 'removed')
                -- An account that new rules bring or take away arrives or leaves with them.
                and is_rule_change and (change_kind = 'listed') = (reason is not null)
                and (change_kind = 'listed' or state is null)
                then 'rules'
            when change_kind in ('activated', 'cooled') and is_attribution_changed then 'identity'
            when
                (change_kind = 'activated' and is_rule_change)
                or (change_kind = 'cooled' and is_fall_by_rules)
                then 'rules'
        end as cause
    from movements

),

worded as (

    select
        account_id,
        account_name,
        owner_name,
        as_of_date,
        was_gap,
        is_gap,
        {%- for segment in segments %}
        {{ segment }}_value,
        {{ segment }}_before,
        {%- endfor %}
        case
            when is_list_begun then 'list_began'
            when cause is null then change_kind
            else 'rule_or_identity_change'
        end as movement,
        cause,
        other_account_id,
        case
            when cause = 'merge' and change_kind = 'removed'
                then 'Left the gap: its CRM record was merged into or linked to that of '
                    || other_account || ', which now counts for both'
            when cause = 'merge'
                then 'Came into the gap: the CRM record of the target ' || other_account
                    || ' was merged into its own or linked to it, and it now counts for both'
            when cause = 'identity' and change_kind = 'removed'
                then 'Left the gap: the domain that is on the target list now belongs to '
                    || other_account
            when cause = 'identity' and change_kind = 'listed'
                then 'Came into the gap: the domain that is on the target list came to it from '
                    || other_account
            when is_list_begun and change_kind = 'listed'
                then 'Came into the gap: it is ' || state || ' and on the target list that begins'
                    || ' on this day'
            when is_list_begun
                then 'Left the gap: it is not on the target list that begins on this day'
            when change_kind = 'listed' then 'Came into the gap: it is a new target and ' || state
            when change_kind = 'removed' and state is null
                then 'Left the gap: its record was deleted or left out by a rule'
            when change_kind = 'removed' then 'Left the gap: it is no longer a target'
            when change_kind = 'activated' then 'Left the gap: it ' || reason
            when change_kind = 'cooled' then 'Came into the gap: it ' || reason
        end
        || case
            when cause = 'rules' then '; our rules had changed (see the mart rulesets)'
            else ''
        end
        || '.' as why,
        ruleset_version
    from caused

),

-- Who leaves the gap leaves it in the segments of the day before, who comes into it comes in those
-- of the day; who stays in it with another value moves from one segment to the other.
sides as (
    {% for segment in ['all'] + segments | list %}
    {%- set value = "'all'" if segment == 'all' else segment ~ '_value' %}
    {%- set before = "'all'" if segment == 'all' else segment ~ '_before' %}
    select
        worded.*,
        '{{ segment }}' as segment_type,
        {{ before }} as segment_value,
        {{ value }} as other_value,
        -1 as gap_change
    from worded
    where was_gap and (not is_gap or {{ before }} != {{ value }})

    union all

    select
        worded.*,
        '{{ segment }}' as segment_type,
        {{ value }} as segment_value,
        {{ before }} as other_value,
        1 as gap_change
    from worded
    where is_gap and (not was_gap or {{ before }} != {{ value }})
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    account_id,
    account_name,
    owner_name,
    {{ week_start('as_of_date') }} as week_start_date,
    as_of_date,
    segment_type,
    segment_value,
    case when was_gap and is_gap then 'rule_or_identity_change' else movement end as movement,
    case when was_gap and is_gap then 'segment' else cause end as cause,
    gap_change,
    other_account_id,
    case
        when not (was_gap and is_gap) then why
        else 'In the gap as before; its ' || replace(segment_type, '_', ' ') || ' changed from '
            || case when gap_change = 1 then other_value else segment_value end || ' to '
            || case when gap_change = 1 then segment_value else other_value end || '.'
    end as why,
    ruleset_version
from sides
