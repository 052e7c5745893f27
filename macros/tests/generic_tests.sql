{#- What every row of a relation must be, as one test: each test costs a query, a check in Dagster and
    its share of every start, whatever it looks at. Each fault is a row: what is wrong, and where.
      key: the columns that name one row; nulls count as a value of their own.
      filled: columns that are never null.
      one_of: by column, the texts it may be (or null).
      between: by column, the least and the greatest number it may be (or null). -#}
{% test well_formed(model, key=[], filled=[], one_of={}, between={}) %}
{%- set faults = {} -%}
{%- for column in filled -%}
    {%- do faults.update({column ~ ' is empty': column ~ ' is null'}) -%}
{%- endfor -%}
{%- for column, values in one_of.items() -%}
    {%- set listed = "'" ~ values | join("', '") ~ "'" -%}
    {%- do faults.update({
        column ~ ' is none of ' ~ values | join(', '): column ~ ' not in (' ~ listed ~ ')'
    }) -%}
{%- endfor -%}
{%- for column, limits in between.items() -%}
    {%- do faults.update({
        column ~ ' is not between ' ~ limits[0] ~ ' and ' ~ limits[1]:
            column ~ ' < ' ~ limits[0] ~ ' or ' ~ column ~ ' > ' ~ limits[1]
    }) -%}
{%- endfor -%}
{%- set named = key or filled or one_of.keys() | list or between.keys() | list -%}
{%- set parts = [] -%}
{%- for column in named -%}
    {%- do parts.append("'" ~ (', ' if not loop.first) ~ column ~ " '") -%}
    {%- do parts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), 'null')") -%}
{%- endfor -%}
{%- set where_it_is = dbt.concat(parts) -%}
{%- if key %}
select {{ dbt.concat(["'several rows have one key: '", where_it_is]) }} as fault
from {{ model }}
group by {{ key | join(', ') }}
having count(*) > 1
{%- endif %}
{%- if key and faults %}
union all
{%- endif %}
{%- if faults %}
select fault
from (
    select
        case
            {%- for fault, condition in faults.items() %}
            when {{ condition }} then {{ dbt.concat(["'" ~ fault ~ ": '", where_it_is]) }}
            {%- endfor %}
        end as fault
    from {{ model }}
) as judged
where fault is not null
{%- endif %}
{% endtest %}
