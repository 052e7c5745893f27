{#- How the input layer names a company or a person that has no id there. Ids that a mapping derives are
    written in the same way (orchestration/landing/mappings.py). -#}
{% macro crm_site(domain) -%} 'website:' || {{ domain }} {%- endmacro %}
{% macro crm_address(email) -%} 'email:' || {{ normalised_email(email) }} {%- endmacro %}
{% macro crm_name(name) -%} 'name:' || nullif(lower(trim({{ name }})), '') {%- endmacro %}

{#- Joins, as `relation`, the record that `reference` stands for in the row's own system. -#}
{% macro crm_named(kind, relation, reference) -%}
left join named as {{ relation }}
    on
        {{ relation }}.reference_kind = '{{ kind }}'
        and source._instance = {{ relation }}.source_instance
        and {{ relation }}.reference = {{ reference }}
{%- endmacro %}
