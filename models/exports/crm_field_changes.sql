{%- set columns = [
    'state', 'state_since', 'primary_driver', 'fit_tier', 'strength_score', 'readiness_segment',
    'decision', 'revisit_on', 'play_name', 'play_owner_function', 'play_due_on', 'play_id', 'why'
] %}

with versions as (

    select
        feed.*,
        {%- for column in columns %}
        lag({{ column }}) over account_versions as previous_{{ column }},
        {%- endfor %}
        row_number() over (partition by account_id order by version desc) as recency
    from {{ ref('account_change_feed') }} as feed
    where as_of_date <= {{ end_date() }}
    window account_versions as (partition by account_id order by version)

),

-- What the CRM should show: the last version, not today's numbers, which move a little every day.
desired as (

    {%- for column in columns %}
    select
        account_id,
        version,
        as_of_date,
        '{{ column }}' as column_name,
        cast({{ column }} as {{ dbt.type_string() }}) as value,
        cast(previous_{{ column }} as {{ dbt.type_string() }}) as previous_value
    from versions
    where recency = 1
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

crosswalk as (

    select * from {{ ref('account_crosswalk') }}
    where not is_deleted

),

export_fields as (

    select * from {{ ref('export_fields') }}
    where destination != 'change_feed'

),

-- One record per account in each CRM: the one that names the account, else the smallest id.
records as (

    select
        account_id,
        source,
        source_instance,
        crm_account_id,
        linked_since
    from (
        select
            *,
            row_number() over (
                partition by account_id, source, source_instance
                order by case when link_basis = 'own' then 0 else 1 end, crm_account_id
            ) as place
        from crosswalk
    ) as ranked
    where place = 1

),

landed as (

    select
        versions.crm_account_id,
        export_fields.column_name,
        versions.source_system,
        versions.source_instance,
        nullif(
            trim({{ json_text('versions.custom_fields', 'export_fields.landed_field') }}), ''
        ) as value
    from {{ ref('int_account_versions') }} as versions
    inner join export_fields
        on
            versions.source_system = export_fields.destination
            and export_fields.landed_field is not null
    where {{ on_last_day('versions.') }}

),

-- A CRM tells what it has once any of its records shows the field.
carried as (

    select source_system, source_instance, column_name
    from landed
    where value is not null
    group by source_system, source_instance, column_name

),

compared as (

    select
        records.source as destination,
        records.source_instance,
        records.crm_account_id,
        records.account_id,
        desired.version,
        export_fields.column_name,
        export_fields.crm_field,
        desired.value,
        carried.column_name is not null as is_landed,
        -- A record that was linked after the version before has been told nothing of it.
        case
            when carried.column_name is not null then landed.value
            when records.linked_since < {{ start_date() }} then desired.previous_value
        end as present_value,
        desired.as_of_date as version_date,
        records.linked_since
    from records
    inner join export_fields on records.source = export_fields.destination
    inner join desired
        on
            records.account_id = desired.account_id
            and export_fields.column_name = desired.column_name
    left join carried
        on
            records.source = carried.source_system
            and records.source_instance = carried.source_instance
            and export_fields.column_name = carried.column_name
    left join landed
        on
            records.crm_account_id = landed.crm_account_id
            and export_fields.column_name = landed.column_name

)

select
    destination,
    source_instance,
    replace(crm_account_id, source_instance || ':', '') as record_id,
    crm_field,
    {{ end_date() }} as as_of_date,
    account_id,
    cast(version as integer) as version,
    column_name,
    present_value,
    value,
    case when is_landed then 'landed' else 'last_published' end as compared_with
from compared
where value is distinct from present_value
    -- 43 and 43.0, and a day with and without a time, say the same.
    and not coalesce(
        try_cast(value as double) = try_cast(present_value as double)
        or try_cast(value as date) = cast(try_cast(present_value as timestamp) as date),
        false
    )
    -- What the CRM does not tell was written on the day of the version, or is told a new record.
    and (
        is_landed
        or version_date = {{ end_date() }}
        or linked_since >= {{ start_date() }}
    )
