with records as (

    select title, department from {{ ref('int_person_records') }}
    union
    -- Respondents of research are named by their part or by their title.
    select respondent_role, null from {{ ref('stg_research__interviews') }}
    union
    select respondent_role, null from {{ ref('stg_research__survey_responses') }}

),

title_words as (

    select * from {{ ref('title_words') }}

),

title_levels as (

    select * from {{ ref('title_levels') }}

),

title_personas as (

    select * from {{ ref('title_personas') }}

),

departed_titles as (

    select * from {{ ref('departed_titles') }}

),

titles as (

    select
        title,
        department,
        {{ plain_words("coalesce(title, '')") }} as title_text,
        {{ plain_words("coalesce(department, '')") }} as department_text
    from records

),

texts as (

    select title_text as known_text from titles
    union
    select department_text from titles

),

words as (

    {{ split_words('texts', 'known_text') }}

),

-- The entries of the map; in a pattern blanks stand for the ends of words, ^ and $ for the ends of
-- the text. A phrase is looked for where its first word stands.
entry_texts as (

    select
        {{ plain_words('word') }} as entry_text,
        match,
        level,
        field
    from title_words

),

entries as (

    select
        entry_text,
        case match
            when 'word' then ' ' || entry_text || ' '
            when 'start' then ' ' || entry_text
            when 'end' then entry_text || ' '
            when 'whole' then '^ ' || entry_text || ' $'
            else entry_text
        end as pattern,
        match,
        position(' ' in entry_text) > 0 as is_phrase,
        {{ dbt.split_part('entry_text', "' '", 1) }} as first_word,
        level,
        field
    from entry_texts

),

spellings as (

    select distinct entry_text as spelling
    from entries
    where match = 'word' and not is_phrase
        and length(entry_text) >= {{ var('title_typo_min_letters') }}

),

distinct_words as (

    select word from words
    union
    select spelling from spellings

),

-- Which entries may stand where a word stands: the distinct words are few, however many the titles.
word_entries as (

    select distinct_words.word, entries.pattern, entries.is_phrase
    from distinct_words
    inner join entries on distinct_words.word = entries.first_word
    where entries.is_phrase or entries.match in ('word', 'whole')

    union

    select distinct_words.word, entries.pattern, entries.is_phrase
    from distinct_words
    inner join entries
        on
            left(distinct_words.word, 1) = left(entries.entry_text, 1)
            and position(entries.pattern in ' ' || distinct_words.word) > 0
    where not entries.is_phrase and entries.match = 'start'

    union

    select distinct_words.word, entries.pattern, entries.is_phrase
    from distinct_words
    inner join entries
        on
            right(distinct_words.word, 1) = right(entries.entry_text, 1)
            and position(entries.pattern in distinct_words.word || ' ') > 0
    where not entries.is_phrase and entries.match = 'end'

    union

    select distinct_words.word, entries.pattern, entries.is_phrase
    from distinct_words
    inner join entries on position(entries.pattern in distinct_words.word) > 0
    where not entries.is_phrase and entries.match = 'anywhere'

),

-- A word that no entry knows, but for one letter of a word that one does, is that word misspelt.
known_words as (

    select word from word_entries
    where not is_phrase
    union
    select word from ({{ split_words('entries', 'entry_text') }}) as words_of_entries

),

corrections as (

    select distinct_words.word, min(spellings.spelling) as corrected_word
    from distinct_words
    left join known_words on distinct_words.word = known_words.word
    inner join spellings
        on
            left(distinct_words.word, 1) = left(spellings.spelling, 1)
            and abs(length(distinct_words.word) - length(spellings.spelling)) <= 1
            and {{ edit_distance('distinct_words.word', 'spellings.spelling') }} = 1
    where known_words.word is null
    group by distinct_words.word

),

corrected_words as (

    select
        words.known_text,
        words.position,
        coalesce(corrections.corrected_word, words.word) as word
    from words
    left join corrections on words.word = corrections.word

),

corrected_texts as (

    select
        known_text,
        '^ ' || {{ dbt.listagg('word', "' '", 'order by position') }} || ' $' as corrected_text
    from corrected_words
    group by known_text

),

text_patterns as (

    select distinct corrected_texts.known_text, word_entries.pattern
    from corrected_words
    inner join corrected_texts on corrected_words.known_text = corrected_texts.known_text
    inner join word_entries on corrected_words.word = word_entries.word
    where position(word_entries.pattern in corrected_texts.corrected_text) > 0

),

matches as (

    select
        text_patterns.known_text,
        entries.entry_text,
        entries.pattern,
        entries.level,
        entries.field
    from text_patterns
    inner join entries on text_patterns.pattern = entries.pattern

),

-- The longest word or phrase speaks: a data centre is not data, a vice president no president.
outdone as (

    select distinct matches.known_text, matches.pattern
    from matches
    inner join matches as longer on matches.known_text = longer.known_text
    where position(matches.pattern in ' ' || longer.entry_text || ' ') > 0
        and (
            length(longer.entry_text) > length(matches.entry_text)
            or (
                length(longer.entry_text) = length(matches.entry_text)
                and length(longer.pattern) > length(matches.pattern)
            )
        )

),

findings as (

    select matches.known_text, matches.level, matches.field
    from matches
    left join outdone
        on matches.known_text = outdone.known_text and matches.pattern = outdone.pattern
    where outdone.pattern is null

),

text_levels as (

    select findings.known_text, min(title_levels.level_rank) as level_rank
    from findings
    inner join title_levels on findings.level = title_levels.level
    group by findings.known_text

),

text_fields as (

    select distinct known_text, field from findings
    where field is not null

),

texts_with_field as (

    select distinct known_text from text_fields

),

-- The field of work is the title's; a title that names none is read with the department.
read_titles as (

    select
        titles.title,
        titles.department,
        titles.title_text,
        case
            when text_levels.level_rank is not null then text_levels.level_rank
            when texts_with_field.known_text is not null then staff.level_rank
            else unsaid.level_rank
        end as level_rank,
        coalesce(texts_with_field.known_text, titles.department_text) as field_text,
        texts_with_field.known_text is not null as is_field_in_title
    from titles
    left join text_levels on titles.title_text = text_levels.known_text
    left join texts_with_field on titles.title_text = texts_with_field.known_text
    inner join title_levels as staff on staff.level = 'staff'
    inner join title_levels as unsaid on unsaid.level = 'unsaid'

),

-- The first rule that holds for a level and a field of work, or for a level alone.
fields as (

    select distinct field from title_words
    where field is not null

    union all

    select '' as field

),

ranked_rules as (

    select
        title_levels.level_rank,
        fields.field,
        title_personas.rule_rank,
        title_personas.fields = 'any' as is_for_any_field,
        title_personas.persona,
        title_personas.confidence_share,
        row_number() over (
            partition by title_levels.level_rank, fields.field order by title_personas.rule_rank
        ) as rule_order
    from title_levels
    cross join fields
    inner join title_personas
        on
            (
                title_personas.levels = 'any'
                or {{ is_one_of('title_levels.level', 'title_personas.levels') }}
            )
            and (
                title_personas.fields = 'any'
                or {{ is_one_of('fields.field', 'title_personas.fields') }}
            )

),

first_rules as (

    select * from ranked_rules
    where rule_order = 1

),

-- A title of several fields goes by the one that decides most: the lowest rank.
candidates as (

    select
        read_titles.title,
        read_titles.department,
        first_rules.rule_rank,
        first_rules.persona,
        case
            when read_titles.is_field_in_title or first_rules.is_for_any_field
                then first_rules.confidence_share
            else round(
                first_rules.confidence_share * {{ var('department_confidence_share') }}, 6
            )
        end as confidence_share,
        row_number() over (
            partition by read_titles.title, read_titles.department order by first_rules.rule_rank
        ) as rule_order
    from read_titles
    left join text_fields on read_titles.field_text = text_fields.known_text
    inner join first_rules
        on
            read_titles.level_rank = first_rules.level_rank
            and coalesce(text_fields.field, '') = first_rules.field

),

departed as (

    select distinct titles.title_text
    from titles
    inner join departed_titles
        on ' ' || titles.title_text || ' ' like departed_titles.title_pattern

)

select
    read_titles.title,
    read_titles.department,
    read_titles.title_text,
    title_levels.level,
    title_levels.seniority,
    candidates.rule_rank,
    candidates.rule_rank is not null as is_mapped,
    case when candidates.persona != 'no_seat' then candidates.persona end as persona,
    case when candidates.persona != 'no_seat' then candidates.confidence_share else 0.0 end
        as confidence_share,
    departed.title_text is not null as is_departed
from read_titles
inner join title_levels on read_titles.level_rank = title_levels.level_rank
left join candidates
    on
        read_titles.title is not distinct from candidates.title
        and read_titles.department is not distinct from candidates.department
        and candidates.rule_order = 1
left join departed on read_titles.title_text = departed.title_text
