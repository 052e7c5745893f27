-- Guards: every level and field that a rule of title_personas names is one that titles can have; a
-- misspelt one would never hold and nobody would see it.
-- Does not guard: that the rules are right (tests/python/test_titles.py), nor that each field has
-- one.
with rules as (

    select * from {{ ref('title_personas') }}

),

levels as (

    select level from {{ ref('title_levels') }}
    union
    select 'any' as level

),

fields as (

    select field from {{ ref('title_words') }}
    where field is not null
    union
    select 'any' as field

),

known as (

    select
        rules.rule_rank,
        rules.levels,
        rules.fields,
        count(distinct levels.level) as known_levels,
        count(distinct fields.field) as known_fields
    from rules
    left join levels on {{ is_one_of('levels.level', 'rules.levels') }}
    left join fields on {{ is_one_of('fields.field', 'rules.fields') }}
    group by rules.rule_rank, rules.levels, rules.fields

)

select * from known
where known_levels != length(levels) - length(replace(levels, '|', '')) + 1
    or known_fields != length(fields) - length(replace(fields, '|', '')) + 1
