{#- Where a chain of dated links ends, for each record and day. `nodes` has record_id and valid_from,
    the day the record begins; `links` has record_id, linked_record_id, valid_from and valid_to, at most
    one link of a record on a day. Records that link in a circle, as broken exports have it, end at the
    smallest id of it. Returns a select: record_id, final_record_id, valid_from, valid_to. -#}
{% macro follow_links(nodes, links) -%}
    with recursive steps as (

        select
            record_id,
            record_id as current_id,
            record_id as least_id,
            '|' || record_id || '|' as path,
            valid_from,
            {{ forever() }} as valid_to,
            0 as steps_taken
        from {{ nodes }}

        union all

        select
            steps.record_id,
            case
                when steps.path like '%|' || {{ links }}.linked_record_id || '|%' then steps.least_id
                else {{ links }}.linked_record_id
            end,
            least(steps.least_id, {{ links }}.linked_record_id),
            case
                when steps.path like '%|' || {{ links }}.linked_record_id || '|%' then 'circle'
                else steps.path || {{ links }}.linked_record_id || '|'
            end,
            greatest(steps.valid_from, {{ links }}.valid_from),
            least(steps.valid_to, {{ links }}.valid_to),
            steps.steps_taken + 1
        from steps
        inner join {{ links }}
            on
                steps.current_id = {{ links }}.record_id
                and steps.valid_from < {{ links }}.valid_to
                and {{ links }}.valid_from < steps.valid_to
        where steps.path != 'circle'

    )

    {{ winning_claims(
        'steps', key=['record_id'], columns=['current_id'],
        order_by='steps.steps_taken desc, steps.current_id'
    ) }}
{%- endmacro %}

{#- The ids of a list in one text as rows, in column `listed_id`: `relation` has the column `ids`, with
    anything but letters, digits, dashes and `other_letters` between two ids. -#}
{% macro listed_ids(relation, other_letters='') -%}
    {{ adapter.dispatch('listed_ids')(relation, other_letters) }}
{%- endmacro %}
{% macro default__listed_ids(relation, other_letters) -%}
    select
        {{ relation }}.*,
        unnest(regexp_extract_all(ids, '[[:alnum:]{{ other_letters }}-]+')) as listed_id
    from {{ relation }}
{%- endmacro %}
{% macro spark__listed_ids(relation, other_letters) -%}
    select
        {{ relation }}.*,
        explode(regexp_extract_all(ids, '([A-Za-z0-9{{ other_letters }}-]+)', 1)) as listed_id
    from {{ relation }}
{%- endmacro %}
