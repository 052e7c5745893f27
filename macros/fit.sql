{#- What a row of the scorecard, or of a function's view of the ideal customer, says of an attribute. -#}

{#- Whether an attribute meets it; null where a number is asked for and none is known. A row may name the one
    word or the source's. -#}
{% macro meets_criterion(attributes, criteria) -%}
    case {{ criteria }}.operator
        when 'in' then
            {{ is_one_of(attributes ~ '.value_text', criteria ~ '.list_values') }}
            or {{ is_one_of(attributes ~ '.value_as_delivered', criteria ~ '.list_values') }}
        when 'not_in' then
            not {{ is_one_of(attributes ~ '.value_text', criteria ~ '.list_values') }}
            and not {{ is_one_of(attributes ~ '.value_as_delivered', criteria ~ '.list_values') }}
        when 'contains' then
            {{ contains_one_of(attributes ~ '.value_text', criteria ~ '.list_values') }}
            or {{ contains_one_of(attributes ~ '.value_as_delivered', criteria ~ '.list_values') }}
        when 'between' then
            {{ attributes }}.value_number >= coalesce({{ criteria }}.min_value, {{ attributes }}.value_number)
            and {{ attributes }}.value_number <= coalesce({{ criteria }}.max_value, {{ attributes }}.value_number)
        when 'outside' then
            {{ attributes }}.value_number < coalesce({{ criteria }}.min_value, {{ attributes }}.value_number)
            or {{ attributes }}.value_number > coalesce({{ criteria }}.max_value, {{ attributes }}.value_number)
    end
{%- endmacro %}

{#- What it asks for, in words: `200 to 20,000`, `retail or banking`. -#}
{% macro criterion_in_words(criteria) -%}
    case {{ criteria }}.operator
        when 'in' then replace({{ criteria }}.list_values, '|', ' or ')
        when 'not_in' then 'not ' || replace({{ criteria }}.list_values, '|', ' or ')
        when 'contains' then 'has ' || replace({{ criteria }}.list_values, '|', ' or ')
        when 'outside' then
            coalesce('below ' || {{ in_words(criteria ~ '.min_value', 0) }}, '')
            || case
                when {{ criteria }}.min_value is not null and {{ criteria }}.max_value is not null
                    then ' or ' else ''
            end
            || coalesce('above ' || {{ in_words(criteria ~ '.max_value', 0) }}, '')
        else {{ range_in_words(criteria) }}
    end
{%- endmacro %}

{#- From its least to its greatest value: `200 to 20,000`, `up to 20,000`, `200 and more`. -#}
{% macro range_in_words(criteria) -%}
    case
        when {{ criteria }}.min_value is null then 'up to ' || {{ in_words(criteria ~ '.max_value', 0) }}
        when {{ criteria }}.max_value is null then {{ in_words(criteria ~ '.min_value', 0) }} || ' and more'
        else {{ in_words(criteria ~ '.min_value', 0) }} || ' to ' || {{ in_words(criteria ~ '.max_value', 0) }}
    end
{%- endmacro %}
