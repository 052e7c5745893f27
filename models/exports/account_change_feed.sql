{{
    config(
        materialized='incremental', incremental_strategy='delete+insert', unique_key='as_of_date'
    )
}}
{%- set columns = [
    'state', 'state_since', 'primary_driver', 'fit_tier', 'strength_score', 'readiness_segment',
    'decision', 'revisit_on', 'play_id', 'play_name', 'play_owner_function', 'play_due_on', 'why'
] %}

with accounts as (

    select * from {{ ref('accounts') }}

),

activation as (

    select * from {{ ref('account_activation') }}

),

fit as (

    select * from {{ ref('account_fit') }}

),

signals as (

    select * from {{ ref('account_signals') }}

),

decisions as (

    select * from {{ ref('account_decisions') }}

),

plays as (

    select * from {{ ref('account_plays') }}

),

export_fields as (

    select * from {{ ref('export_fields') }}
    where destination = 'change_feed' and starts_version

),

-- The last version of each account before this day. A day that is run again starts from there too,
-- and so gives the same versions. A feed of before a column was added has nothing in it.
exported as (

    select
        cast(null as {{ dbt.type_string() }}) as account_id,
        0 as version,
        false as is_removed,
        cast(null as {{ dbt.type_string() }}) as salesforce_account_id,
        cast(null as {{ dbt.type_string() }}) as hubspot_company_id,
        cast(null as {{ dbt.type_string() }}) as primary_domain,
        {%- for column in columns %}
        cast(null as {{ 'date' if column in ['state_since', 'revisit_on', 'play_due_on']
            else 'double' if column == 'strength_score' else dbt.type_string() }}) as {{ column }},
        {%- endfor %}
        1 as recency
    where 1 = 0

    {% if is_incremental() %}
    union all by name

    select
        this.*,
        row_number() over (partition by account_id order by version desc) as recency
    from {{ this }} as this
    where as_of_date < {{ end_date() }}
    {% endif %}

),

previous as (

    select * from exported
    where recency = 1

),

-- An excluded account keeps nothing that anybody could act on.
known as (

    select
        accounts.account_id,
        accounts.salesforce_account_id,
        accounts.hubspot_company_id,
        accounts.primary_domain,
        plays.play_decision = 'withheld' as is_withheld,
        activation.state,
        activation.state_since,
        activation.primary_driver,
        fit.fit_tier,
        round(signals.strength_score) as strength_score,
        decisions.readiness_segment,
        decisions.decision,
        decisions.revisit_on,
        plays.play_id,
        plays.play_name,
        plays.owner_function as play_owner_function,
        plays.due_on as play_due_on,
        plays.why
    from accounts
    inner join activation on accounts.account_id = activation.account_id
    inner join fit on accounts.account_id = fit.account_id
    inner join signals on accounts.account_id = signals.account_id
    inner join decisions on accounts.account_id = decisions.account_id
    inner join plays on accounts.account_id = plays.account_id

),

current_values as (

    select
        coalesce(known.account_id, previous.account_id) as account_id,
        coalesce(known.salesforce_account_id, previous.salesforce_account_id)
            as salesforce_account_id,
        coalesce(known.hubspot_company_id, previous.hubspot_company_id) as hubspot_company_id,
        coalesce(known.primary_domain, previous.primary_domain) as primary_domain,
        known.account_id is null as is_removed,
        coalesce(known.is_withheld, false) as is_withheld,
        previous.account_id is null as is_new,
        coalesce(previous.version, 0) + 1 as version,
        {%- for column in columns %}
        case when not known.is_withheld then known.{{ column }} end as {{ column }},
        previous.{{ column }} as previous_{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from known
    full outer join previous on known.account_id = previous.account_id
    where (known.account_id is not null or not previous.is_removed)
        and (previous.account_id is not null or not known.is_withheld)

),

differences as (

    {%- for column in columns %}
    select account_id, '{{ column }}' as column_name
    from current_values
    where {{ column }} is distinct from previous_{{ column }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

changes as (

    select
        differences.account_id,
        string_agg(differences.column_name, ', ' order by differences.column_name)
            as changed_columns,
        max(case when export_fields.column_name is not null then 1 else 0 end) as starts_version
    from differences
    left join export_fields on differences.column_name = export_fields.column_name
    group by differences.account_id

)

select
    current_values.account_id
    || ':' || cast(current_values.version as {{ dbt.type_string() }}) as change_id,
    current_values.account_id,
    cast(current_values.version as integer) as version,
    {{ end_date() }} as as_of_date,
    case
        when current_values.is_removed then 'removed'
        when current_values.is_withheld then 'withheld'
        when current_values.is_new then 'created'
        else 'changed'
    end as change,
    current_values.is_removed,
    changes.changed_columns,
    current_values.salesforce_account_id,
    current_values.hubspot_company_id,
    current_values.primary_domain,
    {%- for column in columns %}
    current_values.{{ column }},
    {%- endfor %}
    {{ ruleset_version() }} as ruleset_version
from current_values
inner join changes on current_values.account_id = changes.account_id
where changes.starts_version = 1 or current_values.is_removed or current_values.is_new
