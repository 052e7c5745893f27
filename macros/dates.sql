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

{#- Start of an interval that has none: it holds on any day there is. -#}
{% macro ever_since() -%} cast('1900-01-01' as date) {%- endmacro %}

{#- Whether something that holds from valid_from until valid_to holds on the last day. -#}
{% macro on_last_day(prefix='') -%}
    {{ end_date() }} >= {{ prefix }}valid_from and {{ end_date() }} < {{ prefix }}valid_to
{%- endmacro %}

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

{#- Whether a row is taken to have held before it was delivered: those of a table's first load are, unless the
    var backfill_first_load says otherwise. -#}
{% macro is_backfilled(prefix='') -%}
    {{ prefix }}is_first_load and {{ var('backfill_first_load') }}
{%- endmacro %}

{#- The day from which a row counts: `date` if it is backfilled (and `condition` holds), else the day it became
    known. -#}
{% macro backfilled_from(date, condition='true', prefix='') -%}
    case
        when {{ is_backfilled(prefix) }} and {{ condition }} then {{ date }}
        else {{ prefix }}known_date
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

{#- First day of the week of a date; which day of the week that is says `week_first_day`. -#}
{% macro week_start(date) -%}
    {%- set days_after_monday = var('week_first_day') - 1 -%}
    {%- if days_after_monday == 0 -%}
        cast({{ dbt.date_trunc('week', date) }} as date)
    {%- else -%}
        {{ add_days(dbt.date_trunc('week', add_days(date, -days_after_monday)), days_after_monday) }}
    {%- endif -%}
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

{#- The day that a person wrote into a form: 2026-03-31 with or without a time of day, or 3/31/2026, the one other
    way in which form tools write days; null for all else. -#}
{% macro written_day(text) -%} {{ adapter.dispatch('written_day')(text) }} {%- endmacro %}
{% macro default__written_day(text) -%}
    coalesce(
        case when regexp_matches({{ text }}, '^ *[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$')
            then try_cast(left(trim({{ text }}), 10) as date) end,
        case when regexp_matches({{ text }}, '^ *[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} *$')
            then cast(try_strptime(trim({{ text }}), '%m/%d/%Y') as date) end
    )
{%- endmacro %}
{% macro spark__written_day(text) -%}
    coalesce(
        case when {{ text }} rlike '^ *[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$'
            then try_cast(left(trim({{ text }}), 10) as date) end,
        case when {{ text }} rlike '^ *[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} *$'
            then to_date(trim({{ text }}), 'M/d/yyyy') end
    )
{%- endmacro %}
