{#- The run's range. Dates come from the environment, not from --vars: changed vars make dbt parse
    everything again. The default lets `dbt parse` and the docs work without a run. -#}
{% macro start_date() -%} cast('{{ env_var("START_DATE", "1970-01-01") }}' as date) {%- endmacro %}
{% macro end_date() -%} cast('{{ env_var("END_DATE", "1970-01-01") }}' as date) {%- endmacro %}

{#- First day of the features of this run: the state machine restarts at its last checkpoint, which
    may lie some days before START_DATE. -#}
{% macro replay_start_date() -%}
    cast('{{ env_var("REPLAY_START_DATE", env_var("START_DATE", "1970-01-01")) }}' as date)
{%- endmacro %}

{#- Hash of the rule seeds and vars, given by the orchestration. -#}
{% macro ruleset_version() -%} '{{ env_var("RULESET_VERSION", "by hand") }}' {%- endmacro %}

{#- End of an interval that is still open. Intervals are half open: valid_from <= D < valid_to. -#}
{% macro forever() -%} cast('9999-12-31' as date) {%- endmacro %}

{#- The day of a UTC timestamp in the reporting time zone. -#}
{% macro to_day(timestamp_utc) -%}
    {%- if var('reporting_timezone') == 'UTC' -%}
        cast({{ timestamp_utc }} as date)
    {%- else -%}
        {{ return(adapter.dispatch('to_zoned_day')(timestamp_utc)) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__to_zoned_day(timestamp_utc) -%}
    cast({{ timestamp_utc }} at time zone 'UTC' at time zone '{{ var("reporting_timezone") }}' as date)
{%- endmacro %}

{% macro spark__to_zoned_day(timestamp_utc) -%}
    cast(from_utc_timestamp({{ timestamp_utc }}, '{{ var("reporting_timezone") }}') as date)
{%- endmacro %}

{#- The day a row became known: when the source recorded it in a table's first load, afterwards not
    before it was delivered. -#}
{% macro known_date(recorded_date) -%}
    case
        when _is_first_load then {{ recorded_date }}
        else greatest({{ recorded_date }}, _delivery_day)
    end
{%- endmacro %}

{#- Whole days added to a date; `days` is a number or a column. -#}
{% macro add_days(date, days) -%}
    cast({{ dbt.dateadd('day', days, date) }} as date)
{%- endmacro %}

{#- Days since 1970-01-01: days as integers, for sums and keys. -#}
{% macro day_number(date) -%}
    cast({{ dbt.datediff("cast('1970-01-01' as date)", date, 'day') }} as integer)
{%- endmacro %}

{#- The days of intervals as rows, in column `as_of_date`: `relation` has valid_from and valid_to, and none
    of them is open. -#}
{% macro each_day(relation) -%} {{ adapter.dispatch('each_day')(relation) }} {%- endmacro %}
{% macro default__each_day(relation) -%}
    select
        {{ relation }}.*,
        cast(unnest(generate_series(
            cast(valid_from as timestamp), {{ dbt.dateadd('day', -1, 'valid_to') }}, interval 1 day
        )) as date) as as_of_date
    from {{ relation }}
{%- endmacro %}
{% macro spark__each_day(relation) -%}
    select {{ relation }}.*, explode(sequence(valid_from, date_sub(valid_to, 1))) as as_of_date
    from {{ relation }}
{%- endmacro %}
