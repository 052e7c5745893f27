{#- Words of a free text to look things up by: lower case, without accents and punctuation, single
    blanks between them; initials with dots are one word, transcribed umlauts are the plain letter.
    Scripts without blanks stay as they are. -#}
{% macro plain_words(text) -%}
    trim(regexp_replace(
        replace(replace(replace(
            regexp_replace({{ without_accents('lower(' ~ text ~ ')') }}, '\b([a-z])\.', '\1', 'g'),
            'ae', 'a'), 'oe', 'o'), 'ue', 'u'),
        '[^\p{L}\p{N}]+', ' ', 'g'
    ))
{%- endmacro %}

{#- Latin letters without their accents, written out where they have no plain form. -#}
{% macro without_accents(text) -%} {{ adapter.dispatch('without_accents')(text) }} {%- endmacro %}
{% macro default__without_accents(text) -%}
    replace(replace(replace(replace(strip_accents({{ text }}), 'ø', 'o'), 'æ', 'ae'), 'œ', 'oe'), 'ß', 'ss')
{%- endmacro %}

{#- The words of the texts of a relation: its column, word, position. -#}
{% macro split_words(relation, text) -%}
    select {{ text }}, word, position
    from {{ adapter.dispatch('words_in_order')(relation, text) }} as words_in_order
{%- endmacro %}
{% macro default__words_in_order(relation, text) -%}
    (
        select
            {{ text }},
            unnest(string_split({{ text }}, ' ')) as word,
            generate_subscripts(string_split({{ text }}, ' '), 1) as position
        from {{ relation }}
    )
{%- endmacro %}
{% macro spark__words_in_order(relation, text) -%}
    (
        select {{ text }}, word, position
        from {{ relation }} lateral view posexplode(split({{ text }}, ' ')) each_word as position, word
    )
{%- endmacro %}

{#- Letters to insert, drop, replace or swap to make one word of the other. -#}
{% macro edit_distance(one, other) -%} {{ adapter.dispatch('edit_distance')(one, other) }} {%- endmacro %}
{% macro default__edit_distance(one, other) -%} damerau_levenshtein({{ one }}, {{ other }}) {%- endmacro %}
{% macro spark__edit_distance(one, other) -%} levenshtein({{ one }}, {{ other }}) {%- endmacro %}

{#- The digits of a text. -#}
{% macro digits_of(text) -%} regexp_replace({{ text }}, '[^0-9]', '', 'g') {%- endmacro %}
