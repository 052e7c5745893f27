{%- set day = end_date() -%}
{#- The columns that the four parts fill; what a part has not is null. -#}
{%- set columns = {
    'item_id': 'varchar', 'item': 'varchar', 'product': 'varchar', 'unit': 'varchar',
    'status': 'varchar', 'due_on': 'date', 'first_due_on': 'date', 'done_on': 'date',
    'days_late': 'integer', 'owner_function': 'varchar', 'escalated_to': 'varchar',
    'counted_on': 'date', 'licensed_people': 'bigint', 'deployed_people': 'bigint',
    'active_people': 'bigint', 'deployed_share': 'double', 'active_share': 'double',
    'open_pipeline_usd': 'double'
} -%}
{%- set status_words = 'upper(substring(status, 1, 1)) || substring(status, 2)' -%}

with accounts as (

    select account_id, lifecycle from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

rules as (

    select * from {{ ref('milestone_rules') }}

),

milestone_versions as (

    select
        *,
        known_date as valid_from,
        min_by(due_on, version_at) over (partition by milestone_id) as first_due_on
    from {{ ref('stg_success__milestones') }}
    where known_date <= {{ day }}

),

in_force as (

    {{ versions_in_force('milestone_versions', 'milestone_id') }}

),

-- What is said to be done on a day to come is not done.
milestones as (

    select
        survivors.account_id,
        in_force.milestone_id,
        in_force.kind,
        in_force.milestone,
        in_force.due_on,
        in_force.first_due_on,
        case when in_force.done_on <= {{ day }} then in_force.done_on end as done_on,
        in_force.owner_function,
        in_force.escalated_to,
        cast({{ dbt.datediff(
            'in_force.due_on',
            'case when in_force.done_on <= ' ~ day ~ ' then in_force.done_on else ' ~ day ~ ' end',
            'day'
        ) }} as integer) as days_late,
        cast({{ dbt.datediff('in_force.first_due_on', 'in_force.due_on', 'day') }} as integer)
            as days_moved
    from in_force
    inner join survivors on in_force.crm_account_id = survivors.crm_account_id
    where {{ on_last_day('in_force.') }}

),

judged_milestones as (

    select
        milestones.*,
        rules.status,
        rules.reason,
        row_number() over (
            partition by milestones.account_id, milestones.milestone_id order by rules.rule_rank
        ) as rule_order
    from milestones
    left join rules
        on
            rules.kind in ('any', milestones.kind)
            and case rules.condition
                when 'done' then case when milestones.done_on is not null
                    then milestones.days_late end
                when 'overdue' then case when milestones.done_on is null
                    then milestones.days_late end
                when 'escalated' then case
                    when milestones.done_on is null and milestones.escalated_to is not null
                        then milestones.days_late
                end
                when 'moved' then case when milestones.done_on is null
                    then milestones.days_moved end
            end >= rules.min_value

),

usage_versions as (

    select *, known_date as valid_from
    from {{ ref('stg_success__usage') }}
    where known_date <= {{ day }} and counted_on <= {{ day }}

),

usage_in_force as (

    {{ versions_in_force(
        'usage_versions',
        "crm_account_id, counted_on, coalesce(product, ''), coalesce(unit, '')"
    ) }}

),

-- The last counts of each record, product and unit; those of records that are one account are
-- summed.
counts as (

    select
        survivors.account_id,
        latest.product,
        latest.unit,
        max(latest.counted_on) as counted_on,
        -- A sum in which a part is not known is not known.
        case when count(latest.licensed_people) = count(*) then sum(latest.licensed_people) end
            as licensed_people,
        case when count(latest.deployed_people) = count(*) then sum(latest.deployed_people) end
            as deployed_people,
        case when count(latest.active_people) = count(*) then sum(latest.active_people) end
            as active_people
    from (
        select
            *,
            row_number() over (
                partition by crm_account_id, coalesce(product, ''), coalesce(unit, '')
                order by counted_on desc
            ) as recency
        from usage_in_force
        where {{ on_last_day() }}
            and (
                licensed_people is not null or deployed_people is not null
                or active_people is not null
            )
    ) as latest
    inner join survivors on latest.crm_account_id = survivors.crm_account_id
    where latest.recency = 1
    group by survivors.account_id, latest.product, latest.unit

),

adoption as (

    select
        *,
        counted_on <= {{ add_days(day, -var('usage_max_age_days')) }} as is_old,
        active_people > deployed_people as is_contradictory,
        -- Who uses it has it.
        coalesce(deployed_people, active_people) > licensed_people as is_over_licence,
        round(
            cast(deployed_people as double) / nullif(cast(licensed_people as double), 0), 6
        ) as deployed_share,
        case when active_people <= deployed_people then round(
            cast(active_people as double) / nullif(cast(deployed_people as double), 0), 6
        ) end as active_share
    from counts

),

judged_adoption as (

    select
        adoption.*,
        rules.status,
        rules.reason,
        row_number() over (
            partition by adoption.account_id, adoption.product, adoption.unit
            order by rules.rule_rank
        ) as rule_order
    from adoption
    left join rules
        on
            rules.kind = 'adoption'
            and case
                when not adoption.is_old then adoption.active_share
            end >= rules.min_value

),

contracts as (

    select distinct account_id, nullif(trim(product), '') as product
    from {{ ref('int_contract_spans') }}
    where {{ on_last_day() }} and starts_on <= {{ day }} and ends_on >= {{ day }}

),

products as (

    select lower(product) as product_key, min(product) as product
    from contracts
    where product is not null
    group by lower(product)

),

families as (

    select hierarchy.account_id, hierarchy.ultimate_parent_id
    from {{ ref('int_account_hierarchy') }} as hierarchy
    inner join accounts on hierarchy.account_id = accounts.account_id

),

customer_families as (

    select
        families.ultimate_parent_id,
        count(distinct families.account_id) as accounts_with_contract
    from families
    inner join contracts on families.account_id = contracts.account_id
    group by families.ultimate_parent_id

),

-- A contract that names no product may be for any of them.
unnamed as (

    select distinct account_id from contracts
    where product is null

),

white_space as (

    select families.account_id, products.product, customer_families.accounts_with_contract
    from families
    inner join customer_families
        on families.ultimate_parent_id = customer_families.ultimate_parent_id
    cross join products
    left join contracts
        on
            families.account_id = contracts.account_id
            and products.product_key = lower(contracts.product)
    left join unnamed on families.account_id = unnamed.account_id
    where contracts.account_id is null and unnamed.account_id is null

),

deals as (

    select
        account_id,
        count(*) as open_deals,
        cast(sum(cast(annual_amount_usd as decimal(18, 2))) as double) as open_pipeline_usd
    from {{ ref('int_opportunity_spans') }}
    where outcome = 'open' and not is_renewal and {{ on_last_day() }}
    group by account_id

),

-- Of what counts for today only.
use_of_account as (

    select
        account_id,
        sum(licensed_people) as licensed_people,
        sum(deployed_people) as deployed_people,
        sum(active_people) as active_people
    from adoption
    where not is_old and not coalesce(is_contradictory, false)
        and licensed_people > 0 and deployed_people is not null and active_people is not null
    group by account_id

),

expansion as (

    select
        accounts.account_id,
        use_of_account.licensed_people,
        use_of_account.deployed_people,
        use_of_account.active_people,
        coalesce(deals.open_deals, 0) as open_deals,
        deals.open_pipeline_usd,
        use_of_account.active_people
        >= {{ var('licences_full_min_share') }} * use_of_account.licensed_people as is_full,
        use_of_account.deployed_people > use_of_account.licensed_people as is_over_licence
    from accounts
    left join deals on accounts.account_id = deals.account_id
    left join use_of_account on accounts.account_id = use_of_account.account_id
    where accounts.lifecycle = 'customer'
        and (
            deals.open_deals > 0
            or use_of_account.active_people
            >= {{ var('licences_full_min_share') }} * use_of_account.licensed_people
            or use_of_account.deployed_people > use_of_account.licensed_people
        )

),

all_items as (

    {%- for kind, filled in {
        'milestones': {
            'item_id': 'milestone_id', 'item': 'milestone', 'status': 'status', 'due_on': 'due_on',
            'first_due_on': 'first_due_on', 'done_on': 'done_on', 'days_late': 'days_late',
            'owner_function': 'owner_function', 'escalated_to': 'escalated_to'
        },
        'adoption': {
            'item': "coalesce(product, 'all products') || coalesce(', ' || unit, '')",
            'product': 'product', 'unit': 'unit', 'status': 'status', 'counted_on': 'counted_on',
            'licensed_people': 'licensed_people', 'deployed_people': 'deployed_people',
            'active_people': 'active_people', 'deployed_share': 'deployed_share',
            'active_share': 'active_share'
        },
        'white_space': {'item': 'product', 'product': 'product'},
        'white_space_units': {
            'item': "coalesce(product, 'all products') || ', ' || unit", 'product': 'product',
            'unit': 'unit', 'counted_on': 'counted_on', 'licensed_people': 'licensed_people',
            'deployed_people': 'deployed_people', 'active_people': 'active_people'
        },
        'expansion': {
            'item': "'expansion'", 'licensed_people': 'licensed_people',
            'deployed_people': 'deployed_people', 'active_people': 'active_people',
            'open_pipeline_usd': 'open_pipeline_usd'
        }
    }.items() %}
    select
        account_id,
        {{ 'kind' if kind == 'milestones' else "'" ~ kind | replace('_units', '') ~ "'" }} as kind,
        {%- for column, type in columns.items() %}
        cast({{ filled.get(column, filled.item if column == 'item_id' else 'null') }} as {{ type }})
            as {{ column }},
        {%- endfor %}
        {%- if kind == 'milestones' %}
        case
            when done_on is not null and days_late > 0
                then 'Done on ' || cast(done_on as {{ dbt.type_string() }}) || ', '
                    || {{ counted('days_late', 'day') }} || ' late'
            when done_on is not null
                then 'Done on ' || cast(done_on as {{ dbt.type_string() }})
            when days_late > 0
                then {{ counted('days_late', 'day') }} || ' overdue, since '
                    || cast(due_on as {{ dbt.type_string() }})
            else 'Due on ' || cast(due_on as {{ dbt.type_string() }})
        end
        || case when days_moved != 0
            then '; first due on ' || cast(first_due_on as {{ dbt.type_string() }}) else '' end
        || coalesce('; escalated to ' || escalated_to, '')
        || coalesce('. ' || {{ status_words }} || ': ' || reason, '') || '.' as why
    from judged_milestones
    where rule_order = 1
        {%- elif kind == 'adoption' %}
        'People on ' || cast(counted_on as {{ dbt.type_string() }}) || ': licensed '
        || coalesce({{ in_words('licensed_people', 0) }}, 'not known') || ', have access '
        || coalesce({{ in_words('deployed_people', 0) }}, 'not known') || ', use it '
        || coalesce({{ in_words('active_people', 0) }}, 'not known')
        || case when is_over_licence
            then '. More people have access than are licensed' else '' end
        || case
            when is_old
                then '. These counts are at least {{ var("usage_max_age_days") }} days old, too old'
                    || ' to say how it stands today'
            when is_contradictory
                then '. More people use it than have access, so one of the counts is wrong'
            when deployed_people = 0 then '. Nobody has access yet'
            when active_share is null
                then '. A count is missing, so how well it is used is not known'
            else coalesce('. ' || {{ status_words }} || ': ' || reason, '')
        end || '.'
    from judged_adoption
    where rule_order = 1
        {%- elif kind == 'white_space' %}
        'No contract for ' || product || '. In its group of companies, itself included, '
        || {{ counted('accounts_with_contract', 'account has', 'accounts have') }}
        || ' a contract with us for any product.'
    from white_space
        {%- elif kind == 'white_space_units' %}
        'Nobody in this unit is licensed.'
    from adoption
    where licensed_people = 0 and unit is not null and not is_old
        {%- else %}
        case
            when is_over_licence then 'More people have access to our products than are licensed ('
                || {{ in_words('deployed_people', 0) }} || ' against '
                || {{ in_words('licensed_people', 0) }} || ' licensed)'
            when is_full then 'Nearly all licences are in use ('
                || {{ in_words('active_people', 0) }} || ' of '
                || {{ in_words('licensed_people', 0) }} || ')'
            when licensed_people is not null then 'Licences are left ('
                || {{ in_words('active_people', 0) }} || ' of '
                || {{ in_words('licensed_people', 0) }} || ' in use)'
            else 'How many licences are in use is not known'
        end
        || case
            when open_deals > 0
                then '; ' || {{ counted('open_deals', 'open deal') }} || coalesce(
                    ', worth ' || {{ in_words('open_pipeline_usd', 0) }} || ' USD a year', ''
                )
            else '; no deal is open'
        end || '.'
    from expansion
        {%- endif %}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

)

select
    all_items.account_id,
    names.account_name,
    names.owner_name,
    {{ day }} as as_of_date,
    all_items.kind,
    {%- for column in columns %}
    all_items.{{ column }},
    {%- endfor %}
    all_items.escalated_to is not null and all_items.done_on is null as is_escalated,
    all_items.why
from all_items
inner join accounts on all_items.account_id = accounts.account_id
left join names on all_items.account_id = names.account_id
