{#- Views and tables that are made under their own name. dbt's make them aside, move the old one out of the
    way, rename and drop: four statements more for each of over a hundred, to keep the old one until the new
    one is there. DuckDB's transactions hold statements that define tables too, so one that fails leaves the
    old one as it was. -#}
{% materialization view, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and not existing.is_view -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- if config.get('contract').enforced -%} {{ get_assert_columns_equivalent(sql) }} {%- endif -%}
    {% call statement('main') -%}
        create or replace view {{ relation }} as (
            {{ sql }}
        )
    {%- endcall %}
    {%- do persist_docs(relation, model) -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}

{% materialization table, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and existing.is_view -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {#- Of a contract the columns in its order. dbt would plan the query once more to learn its columns before it
        builds the table; the table says them as well, and a transaction that fails leaves the old one. -#}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- set names = model['columns'].keys() | join(', ') -%}
    {% call statement('main') -%}
        create or replace table {{ relation }} as (
            {%- if has_contract %}
            select {{ names }}, * exclude ({{ names }}) from (
            {%- endif %}
            {{ compiled_code }}
            {%- if has_contract %}
            ) as contracted
            {%- endif %}
        )
    {%- endcall %}
    {%- if has_contract -%} {{ get_assert_columns_equivalent('select * from ' ~ relation) }} {%- endif -%}
    {%- do persist_docs(relation, model) -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}

{#- Columns that a table which grows has gained (name: type), for its pre-hook: a statement that reads its own
    stored rows, or deletes some, wants them there, and dbt adds them only with the new rows. -#}
{% macro add_missing_columns(columns) -%}
    {%- set there = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
    {%- set missing = [] -%}
    {%- for name, type in columns.items() if name not in there -%}
        {%- do missing.append(api.Column(name, type)) -%}
    {%- endfor -%}
    {%- if missing -%} {%- do alter_relation_add_remove_columns(this.incorporate(type='table'), missing, none) -%} {%- endif -%}
{%- endmacro %}

{#- What the settings MEMORY_LIMIT and SPILL_DIR allow the database; nothing where it may do as it does. -#}
{% macro memory_settings() -%}
    {{ return(adapter.dispatch('memory_settings', 'activation_gap')()) }}
{%- endmacro %}

{% macro default__memory_settings() -%}{%- endmacro %}

{% macro duckdb__memory_settings() -%}
    {%- if env_var('MEMORY_LIMIT', '') -%} set global memory_limit = '{{ env_var("MEMORY_LIMIT") }}'; {%- endif -%}
    {%- if env_var('SPILL_DIR', '') %} set global temp_directory = '{{ env_var("SPILL_DIR") | replace("'", "''") }}' {%- endif -%}
{%- endmacro %}
