{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- The schema of a model is the name of its layer (staging, marts, ...), with nothing in front. -#}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
