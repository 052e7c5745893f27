with accounts as (

    select account_id, as_of_date from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

readiness as (

    select * from {{ ref('int_readiness_spans') }}
    where {{ on_last_day() }}

),

interviews as (

    select * from {{ ref('int_interview_spans') }}
    where {{ on_last_day() }}

),

voices as (

    select
        account_id,
        count(distinct respondent) as respondents,
        count(distinct interview_id) as interviews
    from {{ ref('int_research_findings') }}
    where {{ on_last_day() }}
        and held_on >= {{ add_days(end_date(), -var('research_max_age_days')) }}
    group by account_id

),

-- A dimension nobody spoke about counts as 0.5: as likely above the middle as below it.
dimensions as (

    select
        account_id,
        sum(evidence_weight) as evidence_weight,
        {%- for dimension in [
            'pressure', 'ownership', 'authority_alignment', 'timing_tolerance'
        ] %}
        coalesce(
            max(case when dimension = '{{ dimension }}' then probability_above_half end), 0.5
        ){{ ' *' if not loop.last }}
        {%- endfor %}
            as decision_capacity,
        string_agg(
            case when is_known then {{ dimension_words('dimension') }} || ' '
                || {{ in_words('100 * mean_share', 0) }} || ' (probably '
                || {{ in_words('100 * lower_80_share', 0) }} || ' to '
                || {{ in_words('100 * upper_80_share', 0) }} || ')' end,
            ', ' order by dimension_order
        ) as known_words,
        string_agg(
            case when not is_known then {{ dimension_words('dimension') }} end,
            ', ' order by dimension_order
        ) as unknown_words,
        string_agg(
            case when is_known and disagreement > {{ var('contested_min_spread') }}
                then {{ dimension_words('dimension') }} end,
            ', ' order by dimension_order
        ) as contested_words,
        min(deadline_on) filter (where deadline_on >= {{ end_date() }}) as next_deadline_on,
        string_agg(distinct pressure_type, ', ' order by pressure_type) as pressure_types,
        string_agg(distinct constraint_type, ', ' order by constraint_type) as constraint_types
    from {{ ref('account_readiness_dimensions') }}
    group by account_id

),

joined as (

    select
        accounts.account_id,
        accounts.as_of_date,
        coalesce(readiness.readiness_segment, 'unknown') as readiness_segment,
        readiness.blocking_dimension,
        coalesce(readiness.known_dimensions, 0) as known_dimensions,
        coalesce(readiness.cleared_dimensions, 0) as cleared_dimensions,
        readiness.expires_on,
        coalesce(readiness.is_single_voice, false) as is_single_voice,
        readiness.valid_from as changed_on,
        interviews.held_on as last_research_date,
        interviews.revisit_on,
        coalesce(voices.respondents, 0) as respondents,
        coalesce(voices.interviews, 0) as interviews,
        dimensions.evidence_weight,
        dimensions.decision_capacity,
        dimensions.known_words,
        dimensions.unknown_words,
        dimensions.contested_words,
        dimensions.next_deadline_on,
        dimensions.pressure_types,
        dimensions.constraint_types,
        names.account_name,
        names.owner_name
    from accounts
    inner join dimensions on accounts.account_id = dimensions.account_id
    left join readiness on accounts.account_id = readiness.account_id
    left join interviews on accounts.account_id = interviews.account_id
    left join voices on accounts.account_id = voices.account_id
    left join names on accounts.account_id = names.account_id

)

select
    account_id,
    account_name,
    owner_name,
    as_of_date,
    readiness_segment,
    case when readiness_segment != 'unknown' then round(decision_capacity, 6) end
        as decision_capacity,
    cleared_dimensions,
    blocking_dimension,
    known_dimensions,
    evidence_weight,
    last_research_date,
    expires_on,
    revisit_on,
    respondents,
    interviews,
    is_single_voice,
    next_deadline_on,
    pressure_types,
    constraint_types,
    case
        when readiness_segment = 'unknown' and last_research_date is null
            then 'Nobody inside has been asked yet'
        when readiness_segment = 'unknown'
            then 'What people there told us '
                || case when evidence_weight > 0
                    then 'says too little to tell whether they can decide'
                    else 'is too old to count' end
                || '; last asked on '
                || cast(last_research_date as {{ dbt.type_string() }})
        when readiness_segment = 'contested'
            then 'People there contradict each other on ' || {{ with_and('contested_words') }}
        when readiness_segment = 'blocked'
            then
                {{ readiness_words('readiness_segment') }}
                || {{ blocking_words('blocking_dimension') }}
        when readiness_segment = 'can_decide'
            then 'They can decide: all four conditions of a decision are met'
        else 'Nothing is known to stand in the way, but not all four conditions are known'
    end
    || case
        when readiness_segment = 'unknown' then ''
        else
            '. Heard from '
            || {{ counted('respondents', 'person', 'people') }}
            || case when is_single_voice and respondents > 1
                then ', and the answer rests on one of them' else '' end
            || '. How far each condition is met, from 0 to 100: ' || known_words
            || coalesce('. Not known: ' || unknown_words, '')
            || coalesce(
                '. From ' || cast(expires_on as {{ dbt.type_string() }})
                || ' on this is too old to count',
                ''
            )
    end
    || case
        when revisit_on > as_of_date
            then '. They asked us to come back on ' || cast(revisit_on as {{ dbt.type_string() }})
        else ''
    end
    || '.' as why
from joined
