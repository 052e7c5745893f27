{#- Whether `value` is one of the `|`-separated words of `list`, regardless of case. -#}
{% macro is_one_of(value, list) -%}
    ('|' || lower({{ list }}) || '|' like '%|' || lower(trim({{ value }})) || '|%')
{%- endmacro %}

{#- Whether one of the `|`-separated words of `list` stands in `value`, regardless of case. -#}
{% macro contains_one_of(value, list) -%} {{ adapter.dispatch('contains_one_of')(value, list) }} {%- endmacro %}
{% macro default__contains_one_of(value, list) -%}
    regexp_matches(lower({{ value }}), '(' || lower({{ list }}) || ')')
{%- endmacro %}
{% macro spark__contains_one_of(value, list) -%}
    (lower({{ value }}) rlike ('(' || lower({{ list }}) || ')'))
{%- endmacro %}

{#- That of the `|`-separated words of `list` which stands first in `value`, in lower case; null if none does. -#}
{% macro first_of(value, list) -%} {{ adapter.dispatch('first_of')(value, list) }} {%- endmacro %}
{% macro default__first_of(value, list) -%}
    nullif(regexp_extract(lower({{ value }}), '(' || lower({{ list }}) || ')', 1), '')
{%- endmacro %}
{% macro spark__first_of(value, list) -%}
    nullif(regexp_extract(lower({{ value }}), concat('(', lower({{ list }}), ')'), 1), '')
{%- endmacro %}

{#- Text of a field of a JSON object; the field's name is an expression. -#}
{% macro json_text(json, field) -%} {{ adapter.dispatch('json_text')(json, field) }} {%- endmacro %}
{% macro default__json_text(json, field) -%}
    json_extract_string({{ json }}, '$."' || {{ field }} || '"')
{%- endmacro %}
{% macro spark__json_text(json, field) -%}
    get_json_object({{ json }}, '$.' || {{ field }})
{%- endmacro %}

{#- Whether a JSON object has one of the fields of a list: one look at the object, however long the list. -#}
{% macro json_has_any(json, fields) -%} {{ adapter.dispatch('json_has_any')(json, fields) }} {%- endmacro %}
{% macro default__json_has_any(json, fields) -%} list_has_any(json_keys({{ json }}), {{ fields }}) {%- endmacro %}
{% macro spark__json_has_any(json, fields) -%} arrays_overlap(json_object_keys({{ json }}), {{ fields }}) {%- endmacro %}

{#- The fields of JSON objects as rows: the columns of `relation`, field and value (texts). `json` is the
    column with the objects; of one without an object there is no row. -#}
{% macro json_fields(relation, json) -%} {{ adapter.dispatch('json_fields')(relation, json) }} {%- endmacro %}
{% macro default__json_fields(relation, json) -%}
    select entries.* exclude (entry), entry.key as field, entry.value as value
    from (
        select
            *,
            unnest(map_entries(
                cast(cast({{ json }} as json) as map(varchar, varchar))
            )) as entry
        from {{ relation }}
    ) as entries
{%- endmacro %}
{% macro spark__json_fields(relation, json) -%}
    select {{ relation }}.*, fields.field, fields.value
    from {{ relation }}
    lateral view explode(from_json({{ json }}, 'map<string,string>')) fields as field, value
{%- endmacro %}

{#- A text as compared with another one: lower case, blanks and line breaks as one blank, quotes
    and dashes as they stand on a keyboard. -#}
{% macro plain_text(text) -%}
    {{ adapter.dispatch('plain_text')("translate(" ~ text ~ ", '’‘“”–—\u00a0', '''''\"\"-- ')") }}
{%- endmacro %}
{% macro default__plain_text(text) -%}
    trim(regexp_replace(lower({{ text }}), '\s+', ' ', 'g'))
{%- endmacro %}
{% macro spark__plain_text(text) -%}
    trim(regexp_replace(lower({{ text }}), '\\s+', ' '))
{%- endmacro %}

{#- A number as people write it in a sentence: 12,500.0. -#}
{% macro in_words(number, decimals) -%} {{ adapter.dispatch('in_words')(number, decimals) }} {%- endmacro %}
{% macro default__in_words(number, decimals) -%}
    format('{:,.{{ decimals }}f}', cast({{ number }} as double))
{%- endmacro %}
{% macro spark__in_words(number, decimals) -%} format_number({{ number }}, {{ decimals }}) {%- endmacro %}

{#- A share in percent, as people write it: 42%; what would round to nothing is less than 1%. -#}
{% macro percent_words(share, decimals=0) -%}
    case
        when {{ share }} > 0 and {{ share }} < 0.01 and {{ decimals }} = 0 then 'less than 1'
        else {{ in_words('100 * ' ~ share, decimals) }}
    end || '%'
{%- endmacro %}

{#- So many of something: 1 touch, 2 touches. `many` is `one` with an s unless it is given. -#}
{% macro counted(number, one, many=none) -%}
    {{ in_words(number, 0) }} || case when {{ number }} = 1 then ' {{ one }}' else ' {{ many or one ~ 's' }}' end
{%- endmacro %}

{#- A feed or feeds, by their list: 'segment.pages', or 'marketo.forms, segment.pages'. -#}
{% macro feed_words(feeds) -%} case when {{ feeds }} like '%, %' then 'feeds' else 'a feed' end {%- endmacro %}

{#- A list as it stands in a sentence: 'one, two, three' as 'one, two and three'. What it lists has no comma. -#}
{% macro with_and(list) -%} {{ adapter.dispatch('with_and')(list) }} {%- endmacro %}
{% macro default__with_and(list) -%} regexp_replace({{ list }}, ', ([^,]*)$', ' and \1') {%- endmacro %}
{% macro spark__with_and(list) -%} regexp_replace({{ list }}, ', ([^,]*)$', ' and $1') {%- endmacro %}

{#- Somebody of a persona as a noun that takes an s; a persona of one's own is taken to be one. -#}
{% macro persona_words(persona) -%}
    case {{ persona }}
        when 'technical' then 'technical evaluator'
        when 'procurement' then 'procurement contact'
        when 'blocker' then 'security or legal reviewer'
        else replace({{ persona }}, '_', ' ')
    end
{%- endmacro %}

{#- The same with its article: a champion, an economic buyer. -#}
{% macro a_persona(persona) -%}
    case when substring({{ persona }}, 1, 1) in ('a', 'e', 'i', 'o') then 'an ' else 'a ' end
    || {{ persona_words(persona) }}
{%- endmacro %}

{#- Where a rule is written, as a remedy says it. A company's own file takes the place of the general one whole, so
    it begins as a copy of it. -#}
{% macro rule_file(seed) -%}
    {%- set folder, name = seed.split('/') -%}
    RULES_DIR/{{ name }}.csv (not there yet? copy it from seeds/{{ folder }})
{%- endmacro %}

{#- An account in a sentence: Acme (001A); of one without a name its id. -#}
{% macro account_words(name, account_id) -%}
    case
        when {{ name }} != {{ account_id }} then {{ name }} || ' (' || {{ account_id }} || ')'
        else {{ account_id }}
    end
{%- endmacro %}

{#- What holds an account back, as it stands behind 'what holds it back:'. `account` is it, or they: a sentence
    calls an account one or the other. -#}
{% macro driver_words(driver, account='it') -%}
    {%- set is_one = account == 'it' -%}
    case {{ driver }}
        when 'poor_fit' then '{{ 'it does' if is_one else 'they do' }} not fit'
        when 'low_intent' then '{{ 'it shows' if is_one else 'they show' }} too little interest'
        when 'wrong_timing' then '{{ account }} cannot buy now'
        when 'no_signal_detected' then 'no channel can see {{ 'its' if is_one else 'their' }} interest'
        when 'insufficient_coverage'
            then 'too few of {{ 'its' if is_one else 'their' }} buying committee are reached'
    end
{%- endmacro %}

{#- What to ask about a dimension of readiness. -#}
{% macro question_words(dimension) -%}
    case {{ dimension }}
        when 'pressure' then 'what forces them to act'
        when 'ownership' then 'who answers for the problem that we solve'
        when 'authority_alignment' then 'who controls budget and priority'
        when 'timing_tolerance' then 'how long they can wait'
    end
{%- endmacro %}

{#- Whether an account can decide, as it stands at the beginning of a sentence. -#}
{% macro readiness_words(segment) -%}
    case {{ segment }}
        when 'can_decide' then 'They can decide'
        when 'blocked' then 'They will not decide now'
        when 'contested' then 'People there contradict each other on whether they can decide'
        when 'partial' then 'Whether they can decide is known only in part'
        else 'Nobody knows whether they can decide'
    end
{%- endmacro %}

{#- The same as one answer to 'can they decide?'. -#}
{% macro readiness_answer(segment) -%}
    case {{ segment }}
        when 'can_decide' then 'yes'
        when 'blocked' then 'not now'
        when 'contested' then 'contradictory'
        when 'partial' then 'known in part'
        else 'not known'
    end
{%- endmacro %}

{#- Why those who are blocked will not decide, as it stands behind readiness_words; nothing where nobody is. -#}
{% macro blocking_words(dimension) -%}
    coalesce(
        ', because ' || case {{ dimension }}
            when 'pressure' then 'nothing forces them to act'
            when 'ownership' then 'nobody answers for the problem that we solve'
            when 'authority_alignment'
                then 'those with the problem do not control budget and priority'
            when 'timing_tolerance' then 'they can wait'
        end, ''
    )
{%- endmacro %}

{#- Why nobody can say who sits in a buying committee: no job titles delivered. -#}
{% macro unknown_coverage_words(reason) -%}
    replace(replace({{ reason }}, 'titles', 'job titles'), '_', ' ') || ' delivered'
{%- endmacro %}

{#- How much of its buying committee an account has reached; unknown where nobody can say who sits there. -#}
{% macro reached_words(share, unknown_reason, decimals=0) -%}
    coalesce(
        {{ percent_words(share, decimals) }} || ' of its buying committee reached',
        'reach into its buying committee unknown (' || {{ unknown_coverage_words(unknown_reason) }} || ')'
    )
{%- endmacro %}

{#- A name reduced to its letters and digits, for comparing; null if it has none. -#}
{% macro plain_name(name) -%} {{ adapter.dispatch('plain_name')(name) }} {%- endmacro %}
{% macro default__plain_name(name) -%}
    nullif(regexp_replace(lower({{ name }}), '[^\p{L}\p{N}]+', '', 'g'), '')
{%- endmacro %}
{% macro spark__plain_name(name) -%}
    nullif(regexp_replace(lower({{ name }}), '[^\\p{L}\\p{N}]+', ''), '')
{%- endmacro %}

{#- A name, of a company or of what it does; null where it holds no letter and no digit (blanks, a dash). -#}
{% macro name_or_null(name) -%}
    case when {{ plain_name(name) }} is not null then trim({{ name }}) end
{%- endmacro %}

{#- Words as they stand at the beginning of a sentence: the first letter large, blanks for punctuation. -#}
{% macro sentence(text) -%}
    {%- set words -%}
    trim(regexp_replace(replace(lower({{ text }}), '&', ' and '), '[^\p{L}\p{N}]+', ' ', 'g'))
    {%- endset -%}
    upper(left({{ words }}, 1)) || substring({{ words }}, 2)
{%- endmacro %}

{#- SHA-256 of a text, in hexadecimal digits of lower case. -#}
{% macro sha256_hex(text) -%} {{ adapter.dispatch('sha256_hex')(text) }} {%- endmacro %}
{% macro default__sha256_hex(text) -%} sha256({{ text }}) {%- endmacro %}
{% macro spark__sha256_hex(text) -%} sha2({{ text }}, 256) {%- endmacro %}
{#- One number for the values of several columns, for seeing whether any has changed. -#}
{% macro row_hash(columns) -%} {{ adapter.dispatch('row_hash')(columns) }} {%- endmacro %}
{% macro default__row_hash(columns) -%} hash({{ columns | join(', ') }}) {%- endmacro %}
{% macro spark__row_hash(columns) -%} xxhash64({{ columns | join(', ') }}) {%- endmacro %}

{#- The four dimensions of readiness, as a list of SQL. -#}
{% macro dimensions() -%} 'pressure', 'ownership', 'authority_alignment', 'timing_tolerance' {%- endmacro %}

{#- A dimension of readiness as people read it, so that more of it is better: a high timing tolerance is a low
    rating of it. -#}
{% macro dimension_words(dimension) -%}
    case {{ dimension }}
        when 'pressure' then 'pressure to act'
        when 'ownership' then 'ownership of the problem'
        when 'authority_alignment' then 'control of budget and priority'
        when 'timing_tolerance' then 'inability to wait'
    end
{%- endmacro %}
