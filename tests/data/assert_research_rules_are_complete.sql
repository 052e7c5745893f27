-- Guards: every persona and the role other has a relevance for every dimension; every
-- combination of fit, readiness, lifecycle and being told to wait has a decision; every rule
-- decides some of them and has no misspelt word; holds without a day that was named have days
-- after which they end.
-- Does not guard: that the weights and decisions are sensible ones.
with roles as (

    select persona as role from {{ ref('personas') }}
    union
    select 'other'

),

dimensions as (

    select distinct dimension from {{ ref('role_relevance') }}

),

fit_tiers as (

    {{ rows_of_words(fit_tiers(), 'fit_tier') }}

),

segments as (

    {{ rows_of_words(readiness_segments(), 'readiness_segment') }}

),

lifecycles as (

    {{ rows_of_words(lifecycles(), 'lifecycle') }}

),

waits as (

    select true as is_told_to_wait
    union all
    select false as is_told_to_wait

),

combinations as (

    select
        fit_tiers.fit_tier,
        segments.readiness_segment,
        lifecycles.lifecycle,
        waits.is_told_to_wait
    from fit_tiers
    cross join segments
    cross join lifecycles
    cross join waits

),

words as (

    {%- for column in ['fit_tier', 'readiness_segment', 'lifecycle'] %}
    select
        rule_rank, '{{ column }}' as place, unnest(string_split({{ column }}, '|')) as word
    from {{ ref('decision_rules') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

known_words as (

    {%- for column in ['fit_tier', 'readiness_segment', 'lifecycle'] %}
    select '{{ column }}' as place, {{ column }} as word from combinations
    union
    select '{{ column }}', 'any'
    {{ 'union' if not loop.last }}
    {%- endfor %}

)

select 'no relevance of ' || roles.role || ' for ' || dimensions.dimension as fault
from roles
cross join dimensions
left join {{ ref('role_relevance') }} as relevance
    on roles.role = relevance.role and dimensions.dimension = relevance.dimension
where relevance.role is null

union all

select
    'no decision for ' || combinations.fit_tier || ', ' || combinations.readiness_segment || ', '
    || combinations.lifecycle || ', told to wait ' || combinations.is_told_to_wait
from combinations
left join {{ ref('int_decision_cases') }} as cases
    on
        combinations.fit_tier = cases.fit_tier
        and combinations.readiness_segment = cases.readiness_segment
        and combinations.lifecycle = cases.lifecycle
        and combinations.is_told_to_wait = cases.is_told_to_wait
where cases.decision is null

union all

select 'nothing is left for rule ' || rules.rule_rank
from {{ ref('decision_rules') }} as rules
left join {{ ref('int_decision_cases') }} as cases on rules.rule_rank = cases.rule_rank
where cases.rule_rank is null

union all

select 'rule ' || words.rule_rank || ' has an unknown ' || words.place || ': ' || words.word
from words
left join known_words on words.place = known_words.place and words.word = known_words.word
where known_words.word is null

union all

select 'rule ' || cases.rule_rank || ' holds for ever where nobody was told when to come back'
from {{ ref('int_decision_cases') }} as cases
where cases.decision = 'hold' and not cases.is_told_to_wait and cases.revisit_days is null
