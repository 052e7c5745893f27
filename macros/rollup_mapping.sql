{#- What the two halves of the activity rollup were made under, each as one row: a hash of the seeds that map
    pages or CRM activities to types and offers, of the sources whose activities count, and of the vars that
    say when an act counts. They are baked into the rollup, so int_page_days and int_act_days keep the hash
    and roll up anew when it differs from the present one: what landed before its mapping or its line in the
    var `sources` counts from then on, and what is taken out of them counts no more. -#}
{% macro page_mapping(page_types) -%}
    select
        {{ dbt.hash(
            "string_agg(rule, ';' order by rule) || '|" ~ var('reporting_timezone')
            ~ "|" ~ var('bot_min_daily_pages') ~ "|" ~ var('bot_min_fast_pages')
            ~ "|" ~ var('bot_max_seconds_a_page') ~ "|" ~ var('visit_pause_minutes') ~ "'"
        ) }} as mapping_version
    from (
        select
            {{ dbt.concat([
                "cast(rule_rank as " ~ dbt.type_string() ~ ")", "' '", "path_pattern", "' '",
                "activity_type"
            ]) }} as rule
        from {{ page_types }}
    ) as rules
{%- endmacro %}

{% macro act_mapping(crm_activity_types, subject_types, offer_rules) -%}
    {%- set counting = [] -%}
    {%- for kind in ['activities', 'attendees', 'campaigns', 'mail_clicks', 'mail_deliveries'] -%}
        {%- for source in sources_of(kind) if source.is_on -%}
            {%- do counting.append(kind ~ ' ' ~ source.model) -%}
        {%- endfor -%}
    {%- endfor %}
    select
        {{ dbt.hash(
            "string_agg(rule, ';' order by rule) || '|" ~ var('reporting_timezone')
            ~ "|" ~ var('backfill_first_load') ~ "|" ~ var('copied_subject_prefix') ~ "|"
            ~ counting | sort | join(',') ~ "|" ~ var('scanner_max_seconds') ~ "|"
            ~ var('scanner_min_links') ~ "|" ~ var('scanner_min_link_share') ~ "'"
        ) }} as mapping_version
    from (
        select
            {{ dbt.concat([
                "'crm '", "cast(rule_rank as " ~ dbt.type_string() ~ ")", "' '", "source_table", "' '",
                "coalesce(kind_pattern, '')", "' '", "coalesce(subkind_pattern, '')", "' '",
                "coalesce(disposition_pattern, '')", "' '", "activity_type",
                "' '", "cast(counts_copies_once as " ~ dbt.type_string() ~ ")"
            ]) }} as rule
        from {{ crm_activity_types }}
        union all
        select
            {{ dbt.concat([
                "'subject '", "cast(rule_rank as " ~ dbt.type_string() ~ ")", "' '", "activity_type",
                "' '", "subject_pattern", "' '", "counts_as"
            ]) }} as rule
        from {{ subject_types }}
        union all
        select
            {{ dbt.concat([
                "'offer '", "cast(rule_rank as " ~ dbt.type_string() ~ ")", "' '",
                "source_table_pattern", "' '", "kind_pattern", "' '", "subject_pattern", "' '",
                "offer_type", "' '", "content_level"
            ]) }} as rule
        from {{ offer_rules }}
    ) as rules
{%- endmacro %}
