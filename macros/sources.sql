{#- The staging models that bring a kind of fact, in the order of the var `sources`: a list of
    {model, is_on, rank}. A source in `sources_off` keeps its place in the graph and brings no rows. -#}
{% macro sources_of(kind) -%}
    {%- for source in var('sources_off') if source not in var('sources') -%}
        {{ exceptions.raise_compiler_error(
            "sources_off names " ~ source ~ ", which the var sources in dbt_project.yml does not have: "
            ~ var('sources').keys() | join(', ')
        ) }}
    {%- endfor -%}
    {%- set models = [] -%}
    {%- for source, kinds in var('sources').items() -%}
        {%- set rank = loop.index -%}
        {%- for table in kinds.get(kind, []) -%}
            {%- do models.append({
                'model': 'stg_' ~ source ~ '__' ~ table,
                'is_on': source not in var('sources_off'),
                'rank': rank
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(models) }}
{%- endmacro %}

{#- The name of the feed a row came by: source.table, with the instance unless it is `main`. -#}
{% macro feed_name(prefix='', source='source_system', table='source_table') -%}
    {{ system_name(prefix ~ source, prefix) }} || '.' || {{ prefix }}{{ table }}
{%- endmacro %}

{#- The name of the system that a row came from. -#}
{% macro system_name(source='source_system', prefix='') -%}
    {{ source }}
    || case when {{ prefix }}source_instance = 'main' then '' else '@' || {{ prefix }}source_instance end
{%- endmacro %}

{#- The rows of every source that brings a kind of fact; of one that is switched off none. The column
    source_rank is the source's place in the var `sources`. -#}
{% macro rows_of_sources(kind, columns) -%}
    {%- if not sources_of(kind) -%}
        {{ exceptions.raise_compiler_error(
            "No source in the var sources in dbt_project.yml brings " ~ kind ~ ". Leave the kind with one, and"
            ~ " name that source in sources_off if its rows are not to count."
        ) }}
    {%- endif -%}
    {%- for source in sources_of(kind) %}
    select {{ columns | join(', ') | replace('source_rank', source.rank ~ ' as source_rank') }}
    from {{ ref(source.model) }}
    {%- if not source.is_on %}
    where 1 = 0
    {%- endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}

{#- Whether the source says of a row, or the tool that copied it, that its record is gone. -#}
{% macro is_deleted() -%} (coalesce(is_deleted, false) or coalesce(fivetran_deleted, false)) {%- endmacro %}

{#- The tables that bring a kind of fact, as the staging models of the var `sources` read them: a list of
    {source, table}. Which they are is known once dbt has read the whole project. -#}
{% macro tables_of(kind) -%}
    {%- set models = sources_of(kind) | map(attribute='model') | list -%}
    {%- set tables = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name in models -%}
            {#- Of several the first is its own; the others are only looked up. -#}
            {%- set source, table = node.sources | first -%}
            {%- set entry = {'source': source, 'table': table} -%}
            {%- if entry not in tables -%} {%- do tables.append(entry) -%} {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(tables | sort(attribute='source,table') | list) }}
{%- endmacro %}
