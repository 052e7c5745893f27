{#- Versions of records as half-open intervals in which each was the one in force.
    `relation` has the columns of `key`, `version_at` and `valid_from` (the day the version counts
    from). An older version that arrives late never takes the place of a newer one; of versions that
    count from the same day the newest stands. Returns a select: columns of `relation` + valid_to. -#}
{% macro versions_in_force(relation, key) -%}
    select
        in_force.*,
        coalesce(
            lead(valid_from) over (partition by {{ key }} order by valid_from), {{ forever() }}
        ) as valid_to
    from (
        select ordered.*
        from (
            select
                {{ relation }}.*,
                max(version_at) over (
                    partition by {{ key }} order by valid_from, version_at nulls first
                    rows between unbounded preceding and current row
                ) as newest_version_at,
                lead(valid_from) over (
                    partition by {{ key }} order by valid_from, version_at nulls first
                ) as next_valid_from
            from {{ relation }}
        ) as ordered
        where version_at = newest_version_at and valid_from is distinct from next_valid_from
    ) as in_force
{%- endmacro %}

{#- Several dated claims on one key, cut at every date where one begins or ends, and ranked on each
    stretch: claim_rank 1 is the claim that holds, the rest are the losers. `relation` has the
    columns of `key` and `columns`, valid_from and valid_to. -#}
{% macro rank_claims(relation, key, columns, order_by) -%}
    select
        {%- for column in key %}
        stretches.{{ column }},
        {%- endfor %}
        {%- for column in columns %}
        {{ relation }}.{{ column }},
        {%- endfor %}
        stretches.valid_from,
        stretches.valid_to,
        row_number() over (
            partition by {% for column in key %}stretches.{{ column }}, {% endfor %}stretches.valid_from
            order by {{ order_by }}
        ) as claim_rank
    from (
        select
            {{ key | join(', ') }},
            boundary as valid_from,
            lead(boundary) over (partition by {{ key | join(', ') }} order by boundary) as valid_to
        from (
            select {{ key | join(', ') }}, valid_from as boundary from {{ relation }}
            union
            select {{ key | join(', ') }}, valid_to as boundary from {{ relation }}
        ) as boundaries
    ) as stretches
    inner join {{ relation }}
        on
            {%- for column in key %}
            stretches.{{ column }} = {{ relation }}.{{ column }} and
            {%- endfor %}
            stretches.valid_from >= {{ relation }}.valid_from
            and stretches.valid_from < {{ relation }}.valid_to
    where stretches.valid_to is not null
{%- endmacro %}

{#- The claims that hold (claim_rank 1 of rank_claims), neighbouring stretches that say the same put
    together again: what is cut and not mended multiplies in every join after it. -#}
{% macro winning_claims(relation, key, columns, order_by) -%}
    select
        {{ (key + columns) | join(', ') }},
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from (
        select
            changes.*,
            sum(is_change) over (
                partition by {{ key | join(', ') }} order by valid_from
                rows between unbounded preceding and current row
            ) as span_number
        from (
            select
                winners.*,
                case when
                    valid_from is not distinct from lag(valid_to) over claims_of_key
                    {%- for column in columns %}
                    and {{ column }} is not distinct from lag({{ column }}) over claims_of_key
                    {%- endfor %}
                    then 0 else 1 end as is_change
            from (
                {{ rank_claims(relation, key, columns, order_by) }}
            ) as winners
            where claim_rank = 1
            window claims_of_key as (partition by {{ key | join(', ') }} order by valid_from)
        ) as changes
    ) as spans
    group by {{ (key + columns) | join(', ') }}, span_number
{%- endmacro %}
