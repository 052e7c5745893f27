{%- set day = end_date() -%}
{%- set functions = {
    'sales_development': 'sales development', 'sales': 'sales', 'marketing': 'marketing',
    'customer_success': 'customer success'
} -%}

with days as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

-- Where a feed never landed, that there is no plan or no review is not known.
landed as (

    select
        coalesce(max(case when table_name = 'plans' then 1 end) = 1, false) as has_plans,
        coalesce(max(case when table_name = 'reviews' then 1 end) = 1, false) as has_reviews
    from {{ ref('stg_landing__files') }}
    where source = 'planning' and status = 'loaded'
        and (delivery_date <= {{ day }} or is_first_load)

),

listings as (

    select account_id, target_tier, listed_on from {{ ref('int_target_accounts') }}
    where {{ on_last_day() }}

),

plan_versions as (

    select *, known_date as valid_from
    from {{ ref('stg_planning__plans') }}
    where known_date <= {{ day }}

),

plans_in_force as (

    {{ versions_in_force('plan_versions', 'plan_id') }}

),

plan_lists as (

    select plan_id, campaign_ids as ids from plans_in_force
    where campaign_ids is not null and {{ on_last_day() }}

),

campaigns as (

    select plan_id, count(distinct listed_id) as campaigns
    from (
        {{ listed_ids('plan_lists') }}
    ) as listed
    group by plan_id

),

-- A plan that runs before one to come before one that ended; of several the newest.
plans as (

    select
        survivors.account_id,
        plans_in_force.*,
        count(*) over (partition by survivors.account_id, plans_in_force.period) as plans_alike,
        row_number() over (
            partition by survivors.account_id
            order by
                plans_in_force.period asc, plans_in_force.starts_on desc nulls last,
                plans_in_force.version_at desc, plans_in_force.plan_id asc
        ) as plan_order
    from (
        select
            *,
            case
                when ends_on < {{ day }} then '3 ended'
                when starts_on > {{ day }} then '2 to come'
                else '1 runs'
            end as period
        from plans_in_force
        where {{ on_last_day() }}
    ) as plans_in_force
    inner join survivors on plans_in_force.crm_account_id = survivors.crm_account_id

),

touches_of_plans as (

    select plans.account_id, sum(effort_days.touches) as touches
    from plans
    inner join {{ ref('int_effort_days') }} as effort_days
        on
            plans.account_id = effort_days.account_id
            and effort_days.effort_date >= plans.starts_on
            and effort_days.effort_date <= coalesce(plans.ends_on, {{ day }})
    where plans.plan_order = 1
    group by plans.account_id

),

review_versions as (

    select *, known_date as valid_from
    from {{ ref('stg_planning__reviews') }}
    where known_date <= {{ day }}

),

reviews_in_force as (

    {{ versions_in_force('review_versions', 'review_id') }}

),

all_reviews as (

    select
        survivors.account_id,
        in_force.due_on,
        -- One that is said to be held on a day to come is not held.
        case when in_force.held_on <= {{ day }} then in_force.held_on end as held_on
    from reviews_in_force as in_force
    inner join survivors on in_force.crm_account_id = survivors.crm_account_id
    where {{ on_last_day('in_force.') }}

),

last_reviews as (

    select account_id, max(held_on) as last_held_on
    from all_reviews
    group by account_id

),

-- A later review makes up for one that was left out, and what was due before the account came on
-- the list nobody owes.
reviews as (

    select
        all_reviews.account_id,
        last_reviews.last_held_on,
        count(all_reviews.held_on) as held_reviews,
        min(case
            when all_reviews.held_on is null
                and all_reviews.due_on > coalesce(last_reviews.last_held_on, {{ ever_since() }})
                and all_reviews.due_on >= coalesce(listings.listed_on, {{ ever_since() }})
                then all_reviews.due_on
        end) as next_due_on,
        count(case
            when all_reviews.held_on is null and all_reviews.due_on < listings.listed_on then 1
        end) as reviews_before_listing,
        count(case
            when all_reviews.held_on is null and all_reviews.due_on <= last_reviews.last_held_on
                and all_reviews.due_on >= coalesce(listings.listed_on, {{ ever_since() }})
                then 1
        end) as reviews_left_out
    from all_reviews
    inner join last_reviews on all_reviews.account_id = last_reviews.account_id
    left join listings on all_reviews.account_id = listings.account_id
    group by all_reviews.account_id, last_reviews.last_held_on

),

seats as (

    select distinct
        account_id, replace(function_name, '_', ' ') as function_words, is_missing, member_id,
        status, member_name, team_roles, is_needed
    from {{ ref('account_teams') }}

),

teams as (

    select
        account_id,
        string_agg(
            member_name || ' (' || coalesce(team_roles, function_words) || ')',
            ', ' order by function_words, member_name
        ) filter (where status = 'filled') as members,
        string_agg(
            distinct function_words, ', ' order by function_words
        ) filter (where is_missing) as missing,
        string_agg(
            distinct function_words, ', ' order by function_words
        ) filter (where is_needed and is_missing is null) as not_known
    from seats
    group by account_id

),

triggers as (

    select * from {{ ref('play_triggers') }}
    where kind = 'change_event'

),

-- What kind of news it is follows from the trigger of its type, as for the plays.
events as (

    select
        events.account_id,
        events.event_id,
        events.event_date,
        coalesce(events.headline, replace(events.event_type, '_', ' ')) as headline,
        case
            when
                min_by(triggers.trigger, triggers.trigger_rank)
                in (
                    {%- for trigger in var('market_event_triggers') %}
                    '{{ trigger }}',
                    {%- endfor %}
                    ''
                )
                then 'market'
            when
                min_by(triggers.trigger, triggers.trigger_rank)
                in (
                    {%- for trigger in var('contact_event_triggers') %}
                    '{{ trigger }}',
                    {%- endfor %}
                    ''
                )
                then 'contact'
            else 'company'
        end as scope
    from {{ ref('int_account_events') }} as events
    left join triggers on events.event_type like triggers.event_pattern
    where events.event_date > {{ add_days(day, -var('review_event_days')) }}
    group by
        events.account_id, events.event_id, events.event_date, events.headline, events.event_type

),

news as (

    select
        account_id,
        {%- for scope in ['market', 'company', 'contact'] %}
        string_agg(
            cast(event_date as {{ dbt.type_string() }}) || ' ' || headline,
            '; ' order by event_date desc, event_id asc
        ) filter (where scope = '{{ scope }}') as {{ scope }}_events
        {{- ',' if not loop.last }}
        {%- endfor %}
    from events
    group by account_id

),

deals as (

    select
        account_id,
        string_agg(
            'Stage ' || stage_name || coalesce(
                ', ' || {{ in_words('annual_amount_usd', 0) }} || ' USD a year', ''
            )
            || coalesce(
                case when close_date < {{ day }} then ', was' else ',' end
                || ' expected to close on ' || cast(close_date as {{ dbt.type_string() }}), ''
            )
            || case when is_renewal then ' (a renewal)' else '' end,
            '. ' order by close_date, crm_opportunity_id
        ) as open_words,
        count(case when close_date < {{ day }} then 1 end) as past_close_date
    from {{ ref('int_opportunity_spans') }}
    where outcome = 'open' and {{ on_last_day() }}
    group by account_id

),

answers as (

    select
        account_id,
        sum(touches) as answers,
        max(touch_date) as last_answer_on
    from {{ ref('account_touches') }}
    where direction = 'inbound'
        and touch_date > {{ add_days(day, -var('touched_days')) }}
    group by account_id

),

milestones as (

    select
        account_id,
        count(case when status = 'red' then 1 end) as red_items,
        min(case when done_on is null and due_on >= {{ day }} then due_on end)
            as next_milestone_on
    from {{ ref('success_milestones') }}
    group by account_id

),

joined as (

    select
        days.account_id,
        names.account_name,
        names.owner_name,
        listings.target_tier,
        landed.has_plans,
        landed.has_reviews,
        plans.period as plan_period,
        plans.objective,
        plans.challenge,
        plans.owner_function as plan_owner_function,
        plans.starts_on as plan_starts_on,
        plans.ends_on as plan_ends_on,
        plans.planned_touches,
        plans.planned_stakeholders,
        plans.plans_alike,
        coalesce(campaigns.campaigns, 0) as campaigns,
        coalesce(touches_of_plans.touches, 0) as touches_of_plan,
        reviews.last_held_on,
        reviews.next_due_on,
        reviews.held_reviews,
        reviews.reviews_before_listing,
        reviews.reviews_left_out,
        teams.members,
        teams.missing,
        teams.not_known as team_not_known,
        fit.why as fit_why,
        fit.fit_tier,
        readiness.why as readiness_why,
        readiness.readiness_segment,
        readiness.is_single_voice,
        readiness.pressure_types,
        readiness.next_deadline_on,
        readiness.constraint_types,
        readiness.expires_on,
        news.market_events,
        news.company_events,
        news.contact_events,
        activation.why as activation_why,
        activation.is_downgrade_paused,
        activation.paused_by,
        decisions.decision,
        decisions.is_stalled,
        decisions.open_deals,
        decisions.open_pipeline_usd,
        deals.open_words,
        coalesce(deals.past_close_date, 0) as past_close_date,
        effort.touches,
        effort.meetings,
        effort.last_touch_on,
        {%- for function in functions %}
        effort.{{ function }}_touches,
        {%- endfor %}
        coalesce(answers.answers, 0) as answers,
        answers.last_answer_on,
        days.engaged_people,
        coverage.is_single_threaded,
        coalesce(milestones.red_items, 0) as red_items,
        milestones.next_milestone_on,
        plays.play_name,
        plays.owner_function as play_owner_function,
        plays.due_on as play_due_on,
        plays.is_overdue as is_play_overdue,
        plays.exclusion_reason,
        plays.why as play_why
    from days
    cross join landed
    left join {{ ref('int_account_names') }} as names on days.account_id = names.account_id
    left join listings on days.account_id = listings.account_id
    left join plans on days.account_id = plans.account_id and plans.plan_order = 1
    left join campaigns on plans.plan_id = campaigns.plan_id
    left join touches_of_plans on days.account_id = touches_of_plans.account_id
    left join reviews on days.account_id = reviews.account_id
    left join teams on days.account_id = teams.account_id
    left join {{ ref('account_fit') }} as fit on days.account_id = fit.account_id
    left join {{ ref('account_readiness') }} as readiness
        on days.account_id = readiness.account_id
    left join news on days.account_id = news.account_id
    left join {{ ref('account_activation') }} as activation
        on days.account_id = activation.account_id
    left join {{ ref('account_decisions') }} as decisions
        on days.account_id = decisions.account_id
    left join deals on days.account_id = deals.account_id
    left join {{ ref('account_effort') }} as effort on days.account_id = effort.account_id
    left join answers on days.account_id = answers.account_id
    left join {{ ref('account_coverage') }} as coverage on days.account_id = coverage.account_id
    left join milestones on days.account_id = milestones.account_id
    left join {{ ref('account_plays') }} as plays on days.account_id = plays.account_id
    where days.is_target or plans.account_id is not null or reviews.account_id is not null

),

told as (

    select
        *,
        case when has_plans then coalesce(plan_period = '1 runs', false) end as has_current_plan,
        case when has_reviews then coalesce(next_due_on < {{ day }}, false) end as is_overdue,
        concat_ws(
            '; ',
            case
                when readiness_segment = 'blocked' then 'people inside say it cannot decide now'
                when readiness_segment = 'contested' then 'people inside contradict each other'
                when readiness_segment = 'unknown'
                    then 'nobody knows whether it can decide'
            end,
            case when is_single_voice then 'all that is known was said by one person' end,
            case when is_single_threaded then 'only one person is engaged' end,
            'from ' || cast(expires_on as {{ dbt.type_string() }})
            || ' on what they said is too old to count',
            case when is_stalled then 'stalled: we work on it and nothing moves' end,
            case when past_close_date > 0
                then {{ counted('past_close_date', 'open deal') }} || ' past the close date' end,
            case when red_items > 0
                then {{ counted('red_items', 'red item') }} || ' in customer success' end,
            'missing on the team: ' || missing,
            case when is_downgrade_paused
                then 'it keeps its state only because ' || {{ feed_words('paused_by') }}
                    || ' stopped: ' || paused_by
            end,
            'excluded (' || replace(exclusion_reason, '_', ' ') || '): nobody should act on it'
        ) as risks
    from joined

),

items as (

    {% for item in [
        'review', 'plan', 'team', 'fit', 'readiness', 'market_events', 'company_events',
        'contact_events', 'state_and_gap', 'pipeline', 'touches_and_answers', 'risks', 'next_steps'
    ] -%}
    select {{ loop.index }} as item_order, '{{ item }}' as item
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    told.account_id,
    told.account_name,
    told.owner_name,
    {{ day }} as as_of_date,
    told.target_tier,
    told.last_held_on,
    told.next_due_on,
    told.is_overdue,
    case when told.is_overdue
        then cast({{ dbt.datediff('told.next_due_on', day, 'day') }} as integer) end
        as days_overdue,
    told.has_current_plan,
    cast(items.item_order as integer) as item_order,
    items.item,
    case items.item
        when 'review' then
            case
                when not told.has_reviews
                    then 'Not known: no reviews were delivered (planning/reviews)'
                when told.is_overdue
                    then 'Overdue: it was due on '
                        || cast(told.next_due_on as {{ dbt.type_string() }})
                when told.next_due_on is not null
                    then 'Due on ' || cast(told.next_due_on as {{ dbt.type_string() }})
                else 'No review is planned'
            end
            || case when not told.has_reviews then ''
                else coalesce(
                    '. Last held on ' || cast(told.last_held_on as {{ dbt.type_string() }}),
                    '. None has been held yet'
                ) end
            || case when told.reviews_left_out > 0
                then '. Due before that and never held: '
                    || {{ counted('told.reviews_left_out', 'review') }}
                else '' end
            || case when told.reviews_before_listing > 0
                then '. Not counted, as due before the account came on the target list: '
                    || {{ counted('told.reviews_before_listing', 'review') }}
                else '' end
            || '.'
        when 'plan' then
            case
                when not told.has_plans
                    then 'Not known: no plans were delivered (planning/plans)'
                when told.plan_period is null then 'No plan was made'
                else
                    case told.plan_period
                        when '1 runs' then 'Runs' || coalesce(
                            ' from ' || cast(told.plan_starts_on as {{ dbt.type_string() }}), ''
                        ) || coalesce(
                            ' to ' || cast(told.plan_ends_on as {{ dbt.type_string() }}),
                            ', open-ended'
                        )
                        when '2 to come' then 'Begins on '
                            || cast(told.plan_starts_on as {{ dbt.type_string() }})
                        else 'Ended on ' || cast(told.plan_ends_on as {{ dbt.type_string() }})
                            || ', and no other plan followed'
                    end
                    || coalesce(
                        ', led by ' || replace(told.plan_owner_function, '_', ' '),
                        '; nobody is named as its lead'
                    )
                    {%- for part in ['objective', 'challenge'] %}
                    || '. {{ part | capitalize }}: '
                    || coalesce(regexp_replace(told.{{ part }}, '[.]$', ''), 'none is written')
                    {%- endfor %}
                    || '. Touches: ' || {{ in_words('told.touches_of_plan', 0) }}
                    || coalesce(
                        ' of ' || {{ in_words('told.planned_touches', 0) }} || ' planned', ''
                    )
                    || '. People engaged: ' || {{ in_words('told.engaged_people', 0) }}
                    || coalesce(
                        ' of ' || {{ in_words('told.planned_stakeholders', 0) }} || ' planned', ''
                    )
                    || '. Campaigns planned: ' || {{ in_words('told.campaigns', 0) }}
                    || case when told.plans_alike > 1
                        then '. This is the newest of '
                            || {{ in_words('told.plans_alike', 0) }}
                            || case told.plan_period
                                when '1 runs' then ' plans that run'
                                when '2 to come' then ' plans to come'
                                else ' plans that ended'
                            end
                        else '' end
            end || '.'
        when 'team' then
            coalesce(told.members, 'Nobody is known to be on the team')
            || coalesce('. Missing: ' || told.missing, '')
            || coalesce(
                '. Not known, as its CRM delivered no account teams: ' || told.team_not_known, ''
            ) || '.'
        when 'fit' then told.fit_why
        when 'readiness' then
            told.readiness_why
            || ' Pressure: ' || coalesce(replace(told.pressure_types, '_', ' '), 'not known')
            || '. Deadline: '
            || coalesce(cast(told.next_deadline_on as {{ dbt.type_string() }}), 'not known')
            || '. Constraint: '
            || coalesce(replace(told.constraint_types, '_', ' '), 'not known') || '.'
        {%- for scope in ['market', 'company', 'contact'] %}
        when '{{ scope }}_events' then
            coalesce(
                told.{{ scope }}_events,
                'None is known of the last {{ var("review_event_days") }} days'
            ) || '.'
        {%- endfor %}
        when 'state_and_gap' then told.activation_why
        when 'pipeline' then
            case when told.open_deals = 0 then 'No deal is open, renewals aside'
                else {{ counted('told.open_deals', 'open deal') }} || ', renewals aside'
                    || case when told.open_pipeline_usd > 0
                        then ', worth ' || {{ in_words('told.open_pipeline_usd', 0) }}
                            || ' USD a year'
                        else ', of no known amount' end
            end
            || coalesce('. ' || told.open_words, '') || '.'
        when 'touches_and_answers' then
            'In the last {{ var("touched_days") }} days: '
            || {{ counted('told.touches', 'touch by us', 'touches by us') }} || ' ('
            {%- for function, words in functions.items() %}
            || '{{ ", " if not loop.first }}{{ words }} '
            || {{ in_words('told.' ~ function ~ '_touches', 0) }}
            {%- endfor %}
            || ')' || coalesce(
                ', last on ' || cast(told.last_touch_on as {{ dbt.type_string() }}), ''
            )
            || '; ' || {{ counted('told.meetings', 'meeting') }}
            || '; ' || {{ counted('told.answers', 'answer or visit', 'answers or visits') }}
            || ' by them' || coalesce(
                ', last on ' || cast(told.last_answer_on as {{ dbt.type_string() }}), ''
            ) || '.'
        when 'risks' then coalesce(
            nullif(upper(substring(told.risks, 1, 1)) || substring(told.risks, 2), ''),
            'None is known'
        ) || '.'
        else
            'Decision: ' || told.decision || '. '
            || case when told.exclusion_reason is not null then 'Nothing to do'
                else told.play_name
                    || coalesce(' by ' || cast(told.play_due_on as {{ dbt.type_string() }}), '')
                    || case when told.is_play_overdue then ', overdue' else '' end
                    || coalesce(
                        ', led by '
                        || replace(nullif(told.play_owner_function, 'none'), '_', ' '), ''
                    )
            end
            || coalesce(
                '. Next milestone due on '
                || cast(told.next_milestone_on as {{ dbt.type_string() }}), ''
            )
            || '. ' || told.play_why
    end as said
from told
cross join items
