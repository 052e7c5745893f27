{#- A CRM id in one form: 15- and 18-character ids are the same record, so the three characters that
    encode the case of the other 15 are added where they are missing (Salesforce, "ID field type":
    of each five characters the capitals are bits, the first character the lowest).
    Ids belong to a source instance, named in front unless it is `main`. -#}
{% macro crm_id(column) -%}
    {{ record_id(long_id(column)) }}
{%- endmacro %}

{#- An id of a CRM as people and other systems write it, in the same form: with the three characters where it
    has 15. An instance may stand in front. -#}
{% macro long_id(column) -%}
    {%- set id = "substring(" ~ column ~ ", " ~ dbt.position("':'", column) ~ " + 1)" -%}
    {{ column }}
    || case when length({{ id }}) = 15 then
        {{ case_character(id, 1) }} || {{ case_character(id, 6) }} || {{ case_character(id, 11) }}
    else '' end
{%- endmacro %}

{#- An id of a source that has one form of it, named after its instance unless that is `main`. -#}
{% macro record_id(column, instance='_instance') -%}
    case when {{ instance }} = 'main' then '' else {{ instance }} || ':' end || {{ column }}
{%- endmacro %}

{#- An e-mail address in one form: lower case, without a display name and without the `+tag` that one
    mailbox may carry (RFC 5233), so that one person is one address. -#}
{% macro normalised_email(column) -%} {{ adapter.dispatch('normalised_email')(column) }} {%- endmacro %}
{% macro default__normalised_email(column) -%}
    nullif(regexp_replace(
        regexp_replace(lower(trim({{ column }})), '^.*<([^>]*)>$', '\1'), '\+[^@]*@', '@'
    ), '')
{%- endmacro %}
{% macro spark__normalised_email(column) -%}
    nullif(regexp_replace(
        regexp_replace(lower(trim({{ column }})), '^.*<([^>]*)>$', '$1'), '\\+[^@]*@', '@'
    ), '')
{%- endmacro %}

{% macro case_character(column, first) -%}
    {%- set patterns = [] -%}
    {%- for number in range(32) -%}
        {%- set bits = [] -%}
        {%- for position in range(5) -%}
            {%- do bits.append((number // 2 ** position) % 2) -%}
        {%- endfor -%}
        {%- do patterns.append(bits | join('')) -%}
    {%- endfor -%}
    {%- set letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789' -%}
    {%- set capitals = '1' * 26 ~ '0' * 36 -%}
    substring('ABCDEFGHIJKLMNOPQRSTUVWXYZ012345', cast(({{ dbt.position(
        "translate(substring(" ~ column ~ ", " ~ first ~ ", 5), '" ~ letters ~ "', '" ~ capitals ~ "')",
        "'" ~ patterns | join(' ') ~ "'"
    ) }} + 5) / 6 as integer), 1)
{%- endmacro %}
