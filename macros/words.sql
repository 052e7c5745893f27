{#- The words of the method that models and tests go through one by one. Each list is written once, in the order
    in which marts have them as columns. -#}
{% macro fit_tiers() -%} {{ return(['strong', 'moderate', 'weak', 'unknown']) }} {%- endmacro %}
{% macro lifecycles() -%}
    {{ return(['prospect', 'open_opportunity', 'customer', 'former_customer']) }}
{%- endmacro %}
{% macro readiness_segments() -%}
    {{ return(['can_decide', 'blocked', 'contested', 'partial', 'unknown']) }}
{%- endmacro %}
{% macro gap_drivers() -%}
    {{ return(['low_intent', 'no_signal_detected', 'wrong_timing', 'poor_fit', 'insufficient_coverage']) }}
{%- endmacro %}

{#- The segments of the gap beside `all`: by segment_type the column of account days that it is split by. -#}
{% macro gap_segments() -%}
    {{ return({
        'lifecycle': 'lifecycle', 'fit_tier': 'fit_tier', 'target_tier': 'target_tier',
        'industry': 'industry', 'region': 'region', 'owner': 'owner_id', 'employee_band': 'employee_band'
    }) }}
{%- endmacro %}

{#- Which segment a row of grouping sets is of, and which value of it. segments: the column of each
    segment type, no column null. otherwise: the type of rows that are of no segment. -#}
{% macro segment_of_row(segments, otherwise="'all'") -%}
    case
            {%- for segment, column in segments.items() %}
            when grouping({{ column }}) = 0 then '{{ segment }}'
            {%- endfor %}
            else {{ otherwise }}
        end as segment_type,
        coalesce({{ segments.values() | join(', ') }}, 'all') as segment_value
{%- endmacro %}

{#- Words as the rows of a select with one column. -#}
{% macro rows_of_words(words, column) -%}
    {%- for word in words %}
    select '{{ word }}' as {{ column }}
    {{- ' union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- What follows from signal_driver and has_coverage_driver, as three columns: the driver to start with, and the
    halves of the account that each of the two carries: a lone driver both, two drivers one each. -#}
{% macro shares_of_drivers() -%}
    coalesce(signal_driver, case when has_coverage_driver then 'insufficient_coverage' end)
        as primary_driver,
    case when signal_driver is null then 0 when has_coverage_driver then 1 else 2 end
        as signal_driver_halves,
    case when not has_coverage_driver then 0 when signal_driver is not null then 1 else 2 end
        as coverage_driver_halves
{%- endmacro %}
