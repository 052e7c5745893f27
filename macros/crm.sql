{#- How the input layer names a company or a person that has no id there. Ids that are derived are written in
    the same way (orchestration/landing/files.py). -#}
{% macro crm_site(domain) -%} 'website:' || {{ domain }} {%- endmacro %}
{% macro crm_address(email) -%} 'email:' || {{ normalised_email(email) }} {%- endmacro %}
{% macro crm_name(name) -%} 'name:' || nullif(lower(trim({{ name }})), '') {%- endmacro %}
{% macro crm_full_name(name) -%}
    {{ crm_name("coalesce(" ~ name ~ ", trim(concat_ws(' ', first_name, last_name)))") }}
{%- endmacro %}

{#- A CTE `named`: whom a website, an address, a name or an id stands for, in each system. That is who had it
    first; of two who came with it on one day, nobody. So no later delivery changes what a row meant. -#}
{% macro crm_references(kinds) -%}
    {%- set tables = {'account': 'accounts', 'person': 'people', 'owner': 'owners'} -%}
    {%- set ids = {'account': 'account_id', 'person': 'person_id', 'owner': 'owner_id'} -%}
    {%- set names = {
        'account': [crm_site('website_registrable'), crm_name('account_name'), "'id:' || account_id"],
        'person': [crm_address('email'), crm_full_name('person_name'), "'id:' || person_id"],
        'owner': [crm_address('owner_email'), crm_full_name('owner_name')]
    } -%}
named as (

    select reference_kind, source_instance, reference, min(id) as id, min(seen_on) as seen_on
    from (
        select
            first_seen.*,
            rank() over (
                partition by reference_kind, source_instance, reference order by seen_on
            ) as place
        from (
            {%- for kind in kinds %}
            {%- for name in names[kind] %}
            select
                '{{ kind }}' as reference_kind, _instance as source_instance,
                {{ name }} as reference, {{ record_id(ids[kind]) }} as id,
                min(_delivery_day) as seen_on
            from {{ source('crm', tables[kind]) }}
            where _status = 'accepted' and {{ name }} is not null
            group by _instance, {{ name }}, {{ ids[kind] }}
            {%- if not loop.last %}
            union all
            {%- endif %}
            {%- endfor %}
            {%- if not loop.last %}
            union all
            {%- endif %}
            {%- endfor %}
        ) as first_seen
    ) as ranked
    where place = 1
    group by reference_kind, source_instance, reference
    having count(*) = 1

)
{%- endmacro %}

{#- Joins, as `relation`, the record that `reference` stands for in the row's own system. Acts are rolled up
    once: what was delivered after one is no answer to whom it was with. -#}
{% macro crm_named(kind, relation, reference, is_act=false) -%}
left join named as {{ relation }}
    on
        {{ relation }}.reference_kind = '{{ kind }}'
        and source._instance = {{ relation }}.source_instance
        and {{ relation }}.reference = {{ reference }}
        {%- if is_act %}
        and {{ relation }}.seen_on <= source._delivery_day
        {%- endif %}
{%- endmacro %}
