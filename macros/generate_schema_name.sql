{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- The schema of a model is the one that dbt_project.yml names, with nothing in front. -#}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
