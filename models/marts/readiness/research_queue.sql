{%- set horizon = add_days(end_date(), var('research_lead_days')) -%}

with decision_days as (

    select * from {{ ref('int_decision_days') }}
    where as_of_date = {{ end_date() }} and is_target

),

exclusions as (

    select distinct account_id from {{ ref('int_account_exclusions') }}
    where {{ on_last_day() }}

),

fit as (

    select * from {{ ref('account_fit') }}

),

account_values as (

    select * from {{ ref('int_account_values') }}

),

readiness as (

    select * from {{ ref('account_readiness') }}

),

coverage as (

    select * from {{ ref('account_persona_coverage') }}

),

in_force as (

    select
        account_id,
        decision,
        row_number() over (partition by account_id order by as_of_date desc) as recency
    from {{ ref('int_decision_changes') }}
    where as_of_date <= {{ end_date() }}

),

cases as (

    select * from {{ ref('int_decision_cases') }}

),

questions as (

    select * from {{ ref('stg_scores__research_questions') }}
    where as_of_date = {{ end_date() }}

),

dimensions as (

    select distinct dimension, dimension_order from {{ ref('account_readiness_dimensions') }}

),

asked_accounts as (

    select distinct account_id from questions

),

-- Accounts of which nothing is known share their questions.
candidates as (

    select
        decision_days.account_id,
        coalesce(asked_accounts.account_id, '') as question_account_id,
        decision_days.fit_tier,
        decision_days.lifecycle,
        coalesce(in_force.decision, decision_days.decision) as decision,
        coalesce(decision_days.told_revisit_on > {{ horizon }}, false) as is_told_to_wait
    from decision_days
    left join in_force
        on decision_days.account_id = in_force.account_id and in_force.recency = 1
    left join exclusions on decision_days.account_id = exclusions.account_id
    left join asked_accounts on decision_days.account_id = asked_accounts.account_id
    where exclusions.account_id is null

),

-- What is asked about, and what the decision follows from besides readiness: accounts share it.
situations as (

    select distinct
        question_account_id, fit_tier, lifecycle, is_told_to_wait
    from candidates

),

-- A segment after the answer, with its chance.
chances as (

    {% for segment in readiness_segments() %}
    select
        account_id,
        respondent_role,
        dimension,
        segment_without,
        '{{ segment }}' as segment_after,
        {{ segment }}_share as chance_share
    from questions
    where {{ segment }}_share > 0
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- The chance that the decision is another one, by what it is decided on besides readiness.
flips as (

    select
        chances.account_id,
        chances.respondent_role,
        chances.dimension,
        before.fit_tier,
        before.lifecycle,
        before.is_told_to_wait,
        round(sum(
            case when before.decision != after.decision then chances.chance_share else 0 end
        ), 6) as flip_share
    from chances
    inner join situations on chances.account_id = situations.question_account_id
    inner join cases as before
        on
            chances.segment_without = before.readiness_segment
            and situations.fit_tier = before.fit_tier
            and situations.lifecycle = before.lifecycle
            and situations.is_told_to_wait = before.is_told_to_wait
    inner join cases as after
        on
            chances.segment_after = after.readiness_segment
            and before.fit_tier = after.fit_tier
            and before.lifecycle = after.lifecycle
            and before.is_told_to_wait = after.is_told_to_wait
    group by
        chances.account_id, chances.respondent_role, chances.dimension, before.fit_tier,
        before.lifecycle, before.is_told_to_wait

),

conversations as (

    select * from flips
    where dimension = 'all'

),

-- The same chance where only one dimension is asked about: it says what to begin with.
openings as (

    select
        flips.*,
        row_number() over (
            partition by
                flips.account_id, flips.respondent_role, flips.fit_tier, flips.lifecycle,
                flips.is_told_to_wait
            order by flips.flip_share desc, dimensions.dimension_order asc
        ) as opening_order
    from flips
    inner join dimensions on flips.dimension = dimensions.dimension

),

-- Of roles whose answers are equally likely to change the decision the one whose answers weigh
-- most: what it says counts for longer.
relevance as (

    select role, sum(relevance_share) as relevance_share
    from {{ ref('role_relevance') }}
    group by role

),

personas as (

    select distinct persona from {{ ref('personas') }}

),

heard_roles as (

    select distinct account_id, role
    from {{ ref('int_research_findings') }}
    where {{ on_last_day() }}
        and held_on > {{ add_days(end_date(), -var('research_repeat_days')) }}

),

asked as (

    select
        candidates.account_id,
        candidates.decision,
        conversations.respondent_role,
        openings.dimension,
        conversations.flip_share,
        openings.flip_share as opening_flip_share,
        heard_roles.role is not null as is_heard,
        row_number() over (
            partition by candidates.account_id
            order by
                heard_roles.role is not null asc,
                round(conversations.flip_share, 2) desc,
                relevance.relevance_share desc,
                conversations.respondent_role asc
        ) as role_order
    from candidates
    inner join conversations
        on
            candidates.question_account_id = conversations.account_id
            and candidates.fit_tier = conversations.fit_tier
            and candidates.lifecycle = conversations.lifecycle
            and candidates.is_told_to_wait = conversations.is_told_to_wait
    inner join openings
        on
            conversations.account_id = openings.account_id
            and conversations.respondent_role = openings.respondent_role
            and conversations.fit_tier = openings.fit_tier
            and conversations.lifecycle = openings.lifecycle
            and conversations.is_told_to_wait = openings.is_told_to_wait
            and openings.opening_order = 1
    inner join relevance on conversations.respondent_role = relevance.role
    -- Only roles that a persona stands for: `other` is nobody whom one could ask for.
    inner join personas on conversations.respondent_role = personas.persona
    left join heard_roles
        on
            candidates.account_id = heard_roles.account_id
            and conversations.respondent_role = heard_roles.role
    where conversations.flip_share > 0

),

valued as (

    select
        asked.*,
        case
            when fit.fit_tier = 'unknown' then {{ var('fit_unknown_share') }}
            else fit.fit_score / 100
        end as fit_share,
        account_values.account_value_usd,
        account_values.value_basis,
        readiness.readiness_segment,
        readiness.last_research_date,
        readiness.expires_on,
        readiness.evidence_weight,
        coalesce(readiness.expires_on <= {{ horizon }}, false) as is_lapsing,
        -- Null where coverage is unknown; a persona that is not required has no row.
        case
            when coverage.account_id is null then 0 else coverage.expected_people
        end as expected_people
    from asked
    inner join fit on asked.account_id = fit.account_id
    inner join account_values on asked.account_id = account_values.account_id
    inner join readiness on asked.account_id = readiness.account_id
    left join coverage
        on asked.account_id = coverage.account_id and asked.respondent_role = coverage.persona
    where asked.role_order = 1

),

ranked as (

    select
        *,
        round(flip_share * fit_share * account_value_usd, 2) as expected_value_usd,
        row_number() over (
            order by
                round(flip_share * fit_share * account_value_usd, 2) desc,
                flip_share desc,
                coalesce(expected_people, 0) desc,
                account_id asc
        ) as rank
    from valued

)

select
    account_id,
    {{ end_date() }} as as_of_date,
    rank,
    rank <= {{ var('interview_budget') }} as is_within_budget,
    dimension,
    respondent_role,
    is_heard as is_role_heard,
    expected_people as expected_people_of_role,
    flip_share,
    opening_flip_share,
    round(fit_share, 6) as fit_share,
    account_value_usd,
    value_basis,
    expected_value_usd,
    decision as present_decision,
    readiness_segment,
    is_lapsing,
    'First find out ' || {{ question_words('dimension') }}
    || ' (ask ' || {{ a_persona('respondent_role') }} || '). There is a chance of '
    || {{ percent_words('flip_share') }} || ' that one conversation changes what we decide. '
    || case
        when is_lapsing
            then 'What we know will be too old to count from '
                || cast(expires_on as {{ dbt.type_string() }}) || ' on'
        when last_research_date is null then 'Nobody inside has been asked yet'
        when readiness_segment = 'unknown'
            then 'What was said on '
                || cast(last_research_date as {{ dbt.type_string() }})
                || case when evidence_weight > 0
                    then ' says too little to tell whether they can decide'
                    else ' is too old to count' end
        else {{ readiness_words('readiness_segment') }}
    end
    || '. A deal is worth about ' || {{ in_words('account_value_usd', 0) }} || ' USD a year ('
    || replace(value_basis, 'of its size', 'with accounts of its size')
    || '); the account fits with '
    || {{ in_words('100 * fit_share', 0) }} || ' of 100 points. '
    || case
        when expected_people is null
            then 'Whether somebody in this role is on file is not known, for want of job titles'
        when round(expected_people) > 0
            then 'On file: about ' || {{ in_words('expected_people', 0) }} || ' '
                || {{ persona_words('respondent_role') }}
                || case when round(expected_people) = 1 then '' else 's' end
        else 'Nobody in this role is on file'
    end
    || '.' as why
from ranked
