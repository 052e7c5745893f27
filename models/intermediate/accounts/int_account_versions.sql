{%- set attributes = [
    'source_system', 'source_instance', 'source_rank', 'account_name', 'website_domain', 'other_domains',
    'industry', 'employees', 'revenue', 'currency_code', 'country', 'parent_crm_account_id', 'account_type',
    'owner_id', 'merged_crm_account_ids', 'synced_crm_account_id', 'record_type_id', 'is_person',
    'custom_fields'
] -%}

with accounts as (

    select * from {{ ref('int_crm_accounts') }}

),

removals as (

    select * from {{ ref('int_record_removals') }}
    where record_kind = 'account' and is_day_end

),

record_types as (

    select record_type_id, min_by(record_type, known_date) as record_type
    from {{ ref('stg_salesforce__record_types') }}
    group by record_type_id

),

currency_rates as (

    select * from {{ ref('int_currency_rates') }}

),

exclusions as (

    select * from {{ ref('record_exclusions') }}
    where record_kind = 'account'

),

ordered as (

    select
        accounts.*,
        row_number() over record as version_order,
        min(delivery_date) over (partition by crm_account_id) as first_delivery_date,
        -- What the first version says of it stays: a date that comes later moves no day before.
        first_value(coalesce(created_date, known_date)) over record as created_on,
        first_value({{ is_backfilled() }} and created_date is null) over record
            as is_start_assumed
    from accounts
    window record as (
        partition by crm_account_id order by version_at
        rows between unbounded preceding and current row
    )

),

-- A record that a complete list no longer names is deleted from that day on, and back when it is.
removed as (

    select
        ordered.*,
        removals.changed_on,
        removals.is_deleted as is_removed,
        row_number() over (
            partition by ordered.crm_account_id, removals.changed_on
            order by ordered.version_at desc
        ) as recency
    from removals
    inner join ordered
        on
            removals.source_system = ordered.source_system
            and removals.record_id = ordered.crm_account_id
            and removals.changed_on >= ordered.known_date

),

-- A deletion is an outcome: it holds from the day it was recorded, never from the record's
-- creation. An account of the first load that does not say when it was created was there before any
-- day that is computed.
versions as (

    select
        crm_account_id,
        version_at,
        known_date as valid_from,
        {{ attributes | join(', ') }},
        is_deleted,
        case when is_deleted then master_crm_account_id end as master_crm_account_id,
        created_on,
        first_delivery_date,
        is_start_assumed,
        known_date as rated_on,
        false as is_backfilled
    from ordered

    union all

    select
        crm_account_id,
        greatest(version_at, cast(changed_on as timestamp)),
        changed_on,
        {{ attributes | join(', ') }},
        is_removed or is_deleted,
        case when is_deleted then master_crm_account_id end,
        created_on,
        first_delivery_date,
        is_start_assumed,
        changed_on,
        false
    from removed
    where recency = 1

    union all

    select
        crm_account_id,
        cast(
            case when is_start_assumed then {{ ever_since() }} else created_on end
            as timestamp
        ),
        case when is_start_assumed then {{ ever_since() }} else created_on end,
        {%- for attribute in attributes %}
        {%- if attribute in ['source_system', 'source_instance', 'source_rank'] %}
        {{ attribute }},
        {%- else %}
        case when {{ var('backfill_first_load') }} then {{ attribute }} end,
        {%- endif %}
        {%- endfor %}
        false,
        cast(null as {{ dbt.type_string() }}),
        created_on,
        first_delivery_date,
        is_start_assumed,
        created_on,
        true
    from ordered
    where version_order = 1 and is_first_load and (created_on < known_date or is_start_assumed)

),

in_force as (

    {{ versions_in_force('versions', 'crm_account_id') }}

)

select
    in_force.crm_account_id,
    in_force.valid_from,
    in_force.valid_to,
    {%- for attribute in attributes %}
    {%- if attribute == 'revenue' %}
    cast(round(in_force.revenue * currency_rates.usd_per_unit, 2) as double) as revenue_usd,
    {%- else %}
    in_force.{{ attribute }},
    {%- endif %}
    {%- endfor %}
    record_types.record_type,
    in_force.is_deleted,
    in_force.master_crm_account_id,
    in_force.created_on as created_date,
    in_force.first_delivery_date,
    in_force.is_start_assumed,
    in_force.is_backfilled,
    exists (
        select 1 from exclusions
        where case exclusions.field
            when 'record_type' then lower(record_types.record_type)
            else lower(in_force.account_name)
        end like exclusions.pattern
    )
    or coalesce(in_force.is_person, false) as is_excluded
from in_force
left join record_types on in_force.record_type_id = record_types.record_type_id
left join currency_rates
    on
        upper(coalesce(in_force.currency_code, '{{ var("default_currency") }}'))
        = currency_rates.currency_code
        and in_force.rated_on >= currency_rates.valid_from
        and in_force.rated_on < currency_rates.valid_to
