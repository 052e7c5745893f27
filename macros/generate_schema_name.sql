{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- Schemas are the rooms themselves (staging, marts, ...): one warehouse file, one project. -#}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
