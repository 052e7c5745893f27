{%- set functions = ['sales', 'marketing', 'customer_success'] -%}
{#- Inputs of the ideal customer that only own systems have. -#}
{%- set internal_inputs = {
    'satisfaction': 'how satisfied accounts are', 'account_profit_usd': 'what accounts earn us'
} -%}

-- Where functions differ on the ideal customer, and what they have not said.
with targets as (

    select account_id from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }} and is_target

),

attributes as (

    select * from {{ ref('int_account_attributes') }}
    where {{ on_last_day() }}

),

ranked_views as (

    select
        icp_views.*,
        row_number() over (
            partition by function_name, attribute, source_kind order by said_on desc
        ) as newest_first
    from {{ ref('icp_views') }} as icp_views
    where said_on <= {{ end_date() }}

),

views as (

    select
        function_name, attribute, source_kind, operator, list_values, min_value, max_value,
        case when resolved_on <= {{ end_date() }} then resolved_on end as resolved_on
    from ranked_views
    where newest_first = 1

),

said as (

    select
        function_name,
        attribute,
        string_agg(
            {{ criterion_in_words('views') }} || ' (known from ' || case source_kind
                when 'internal' then 'our own systems'
                when 'external' then 'market data'
                else 'conversations'
            end || ')', ' and '
            order by source_kind
        ) as says,
        case when count(resolved_on) = count(*) then max(resolved_on) end as resolved_on
    from views
    group by function_name, attribute

),

-- An account is what a function looks for where it meets all that it says of the attribute.
judged as (

    select
        views.function_name,
        views.attribute,
        attributes.account_id,
        min(case when {{ meets_criterion('attributes', 'views') }} then 1 else 0 end) as is_met
    from views
    inner join attributes on views.attribute = attributes.attribute
    inner join targets on attributes.account_id = targets.account_id
    where views.operator not in ('between', 'outside') or attributes.value_number is not null
    group by views.function_name, views.attribute, attributes.account_id

),

moved as (

    select
        ours.attribute,
        ours.function_name,
        others.function_name as other_function,
        count(*) as accounts_known,
        count(case when ours.is_met > others.is_met then 1 end) as accounts_only_here,
        count(case when ours.is_met < others.is_met then 1 end) as accounts_only_there
    from judged as ours
    inner join judged as others
        on ours.account_id = others.account_id and ours.attribute = others.attribute
    group by ours.attribute, ours.function_name, others.function_name

),

pairs as (

    select
        ours.attribute,
        ours.function_name,
        others.function_name as other_function,
        ours.says,
        others.says as other_says,
        coalesce(moved.accounts_known, 0) as accounts_known,
        coalesce(moved.accounts_only_here, 0) as accounts_only_here,
        coalesce(moved.accounts_only_there, 0) as accounts_only_there,
        case
            when ours.resolved_on is not null and others.resolved_on is not null
                then greatest(ours.resolved_on, others.resolved_on)
        end as resolved_on
    from said as ours
    inner join said as others
        on ours.attribute = others.attribute and ours.function_name > others.function_name
    left join moved
        on
            ours.attribute = moved.attribute
            and ours.function_name = moved.function_name
            and others.function_name = moved.other_function

),

functions as (

    {{ rows_of_words(functions, 'function_name') }}

),

unsaid as (

    select functions.function_name
    from functions
    left join said on functions.function_name = said.function_name
    where said.function_name is null

),

inputs as (

    {% for attribute, words in internal_inputs.items() -%}
    select '{{ attribute }}' as attribute, '{{ words }}' as words
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

),

delivered as (

    select distinct attribute from attributes

),

missing_inputs as (

    select inputs.attribute, inputs.words
    from inputs
    left join delivered on inputs.attribute = delivered.attribute
    where delivered.attribute is null

),

compared as (

    select
        attribute,
        function_name,
        other_function,
        case
            when accounts_only_here + accounts_only_there = 0 and accounts_known > 0 then 'agree'
            when resolved_on is not null then 'resolved'
            when accounts_known = 0 then 'nothing known'
            else 'differ'
        end as status,
        says,
        other_says,
        accounts_known,
        accounts_only_here,
        accounts_only_there,
        resolved_on,
        cast(null as {{ dbt.type_string() }}) as missing_words
    from pairs

    union all

    select
        null, function_name, null, 'not said', null, null, 0, 0, 0, null, null
    from unsaid

    union all

    select attribute, null, null, 'missing', null, null, 0, 0, 0, null, words
    from missing_inputs

)

select
    {{ end_date() }} as as_of_date,
    attribute,
    function_name,
    other_function,
    status,
    says,
    other_says,
    cast(accounts_known as bigint) as accounts_known,
    cast(accounts_only_here as bigint) as accounts_only_here,
    cast(accounts_only_there as bigint) as accounts_only_there,
    cast(accounts_only_here + accounts_only_there as bigint) as accounts_moved,
    resolved_on,
    case status
        when 'agree' then 'Both mean the same accounts.'
        when 'resolved' then 'Settled: the scorecard (fit_criteria.csv) holds.'
        when 'nothing known' then
            'No target has a known value, so the difference changes nothing yet. Deliver the'
            || ' attribute ' || attribute || ' (docs/landing.md).'
        when 'differ' then
            'The two disagree on '
            || {{ in_words('accounts_only_here + accounts_only_there', 0) }}
            || ' of ' || {{ in_words('accounts_known', 0) }} || ' targets with a known value.'
            || ' Agree on one definition and write it into RULES_DIR/fit_criteria.csv; then enter'
            || ' the day as resolved_on in {{ rule_file("fit/icp_views") }}.'
        when 'not said' then
            'Ask ' || replace(function_name, '_', ' ')
            || ' what makes an ideal customer, and write it into {{ rule_file("fit/icp_views") }}.'
        else
            'No source says ' || missing_words || '. If the CRM has a field for it, name it as '
            || attribute || ' in {{ rule_file("identity/custom_fields") }}.'
    end as what_to_do
from compared
