-- Guards: an answer of a survey question that is scored reads as what the question's field holds,
-- and an answer of any question as a rating, a day or a word of the codebook.
-- Does not guard: whether the rating is the right one.
with questions as (

    select form, {{ plain_text('question_text') }} as plain_question, field
    from {{ ref('survey_questions') }}

),

answers as (

    select
        form, question_text, answer, value, {{ plain_text('question_text') }} as plain_question
    from {{ ref('survey_answers') }}
    where value != 'none'

),

words as (

    select 'pressure_type' as field, pressure_type as word from {{ ref('pressure_types') }}
    union all
    select 'constraint_type', constraint_type from {{ ref('constraint_types') }}

),

scale as (

    select min(rating) as least_rating, max(rating) as greatest_rating
    from {{ ref('rating_anchors') }}

),

read_answers as (

    select
        answers.form,
        answers.question_text,
        answers.answer,
        answers.value,
        questions.field,
        try_cast(answers.value as double) between scale.least_rating and scale.greatest_rating
            as is_rating,
        {{ written_day('answers.value') }} is not null as is_day,
        answers.value in (select words.word from words) as is_word,
        questions.field || ' ' || answers.value in (
            select words.field || ' ' || words.word from words
        ) as is_word_of_field
    from answers
    cross join scale
    left join questions
        on
            answers.plain_question = questions.plain_question
            and (answers.form = questions.form or 'any' in (answers.form, questions.form))

)

select form, question_text, answer, value, 'no question of this form' as fault
from read_answers
where question_text != 'any' and field is null

union all

select form, question_text, answer, value, 'does not read as ' || coalesce(field, 'any field')
from read_answers
where
    not coalesce(
        case
            when field is null then is_rating or is_day or is_word
            when field in ('deadline_on', 'revisit_on') then is_day
            when field in ('pressure_type', 'constraint_type') then is_word_of_field
            when field = 'ignore' then true
            else is_rating
        end,
        false
    )
