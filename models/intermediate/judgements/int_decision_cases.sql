with fit_tiers as (

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

cases as (

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

matches as (

    select
        cases.*,
        rules.rule_rank,
        rules.decision,
        rules.revisit_days,
        rules.reason,
        row_number() over (
            partition by
                cases.fit_tier, cases.readiness_segment, cases.lifecycle, cases.is_told_to_wait
            order by rules.rule_rank
        ) as rule_order
    from cases
    inner join {{ ref('decision_rules') }} as rules
        on
            rules.is_told_to_wait
            in ('any', case when cases.is_told_to_wait then 'true' else 'false' end)
            {%- for column in ['fit_tier', 'readiness_segment', 'lifecycle'] %}
            and (
                rules.{{ column }} = 'any'
                or {{ is_one_of('cases.' ~ column, 'rules.' ~ column) }}
            )
            {%- endfor %}

)

select
    fit_tier,
    readiness_segment,
    lifecycle,
    is_told_to_wait,
    rule_rank,
    decision,
    revisit_days,
    reason
from matches
where rule_order = 1
