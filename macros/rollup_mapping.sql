{#- What the activity rollup was made under, as one row: a hash of the two seeds that map pages and CRM
    activities to types, and of the vars that say when an act counts. They are baked into the rollup,
    so int_activity_daily keeps the hash and rolls up anew when it differs from the present one. -#}
{% macro rollup_mapping(page_types, crm_activity_types) -%}
    select
        {{ dbt.hash(
            "string_agg(rule, ';' order by rule) || '|" ~ var('reporting_timezone')
            ~ "|" ~ var('backfill_first_load') ~ "'"
        ) }} as mapping_version
    from (
        select
            {{ dbt.concat([
                "'page '", "cast(rule_rank as " ~ dbt.type_string() ~ ")", "' '", "path_pattern",
                "' '", "activity_type"
            ]) }} as rule
        from {{ page_types }}
        union all
        select
            {{ dbt.concat([
                "'crm '", "cast(rule_rank as " ~ dbt.type_string() ~ ")", "' '", "source_table", "' '",
                "coalesce(kind_pattern, '')", "' '", "coalesce(subkind_pattern, '')", "' '",
                "coalesce(disposition_pattern, '')", "' '", "activity_type"
            ]) }} as rule
        from {{ crm_activity_types }}
    ) as rules
{%- endmacro %}
