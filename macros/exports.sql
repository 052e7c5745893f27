{#- The records of a CRM of which a field differs, with the names of these fields and what the change feed says of
    their account. `field_changes`: rows of crm_field_changes for one destination; `feed`: account_change_feed;
    `record_id`: what the destination calls the id of its record. -#}
{% macro changed_records(field_changes, feed, record_id) -%}
    select
        records.record_id as {{ record_id }},
        records.source_instance,
        records.account_id,
        records.version,
        records.as_of_date,
        records.changed_fields,
        {{ feed }}.state,
        {{ feed }}.state_since,
        {{ feed }}.primary_driver,
        {{ feed }}.fit_tier,
        {{ feed }}.strength_score,
        {{ feed }}.readiness_segment,
        {{ feed }}.decision,
        {{ feed }}.revisit_on,
        {{ feed }}.play_name,
        {{ feed }}.play_owner_function,
        {{ feed }}.play_due_on,
        {{ feed }}.why
    from (
        select
            record_id,
            source_instance,
            account_id,
            version,
            as_of_date,
            string_agg(crm_field, ', ' order by crm_field) as changed_fields
        from {{ field_changes }}
        group by record_id, source_instance, account_id, version, as_of_date
    ) as records
    inner join {{ feed }}
        on records.account_id = {{ feed }}.account_id and records.version = {{ feed }}.version
{%- endmacro %}
