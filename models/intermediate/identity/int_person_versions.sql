{%- set attributes = [
    'source_system', 'source_instance', 'source_rank', 'record_kind', 'crm_account_id', 'email',
    'email_domain', 'title', 'department', 'buying_role', 'merged_record_ids', 'synced_record_id'
] -%}

with people as (

    select
        *,
        row_number() over (partition by record_id order by version_at) as version_order
    from {{ ref('int_crm_people') }}

),

removals as (

    select * from {{ ref('int_record_removals') }}
    where record_kind = 'person'

),

exclusions as (

    select * from {{ ref('record_exclusions') }}
    where record_kind = 'person'

),

removed as (

    select
        people.*,
        removals.changed_on,
        removals.is_deleted as is_removed,
        row_number() over (
            partition by people.record_id, removals.changed_on order by people.version_at desc
        ) as recency
    from removals
    inner join people
        on
            removals.record_id = people.record_id
            and removals.changed_on >= people.known_date

),

-- Deletion, bounces, opt-outs and conversions are outcomes: they hold from the day they were
-- recorded.
versions as (

    select
        record_id, version_at, known_date as valid_from, {{ attributes | join(', ') }},
        linked_record_id, is_bounced, is_opted_out, is_deleted, created_date
    from people

    union all

    select
        record_id, greatest(version_at, cast(changed_on as timestamp)), changed_on,
        {{ attributes | join(', ') }},
        linked_record_id, is_bounced, is_opted_out, is_removed or is_deleted, created_date
    from removed
    where recency = 1

    union all

    select
        record_id,
        cast(created_date as timestamp),
        created_date,
        {%- for attribute in attributes %}
        {%- if attribute in ['source_system', 'source_instance', 'source_rank', 'record_kind'] %}
        {{ attribute }},
        {%- else %}
        case when {{ var('backfill_first_load') }} then {{ attribute }} end,
        {%- endif %}
        {%- endfor %}
        cast(null as {{ dbt.type_string() }}),
        false,
        false,
        false,
        created_date
    from people
    where version_order = 1 and is_first_load and created_date < known_date

),

in_force as (

    {{ versions_in_force('versions', 'record_id') }}

)

select
    in_force.record_id,
    in_force.valid_from,
    in_force.valid_to,
    {%- for attribute in attributes %}
    in_force.{{ attribute }},
    {%- endfor %}
    in_force.linked_record_id,
    in_force.is_bounced,
    in_force.is_opted_out,
    in_force.is_deleted,
    in_force.created_date,
    exists(
        select 1 from exclusions
        where coalesce(in_force.email, '') like exclusions.pattern
    ) as is_excluded
from in_force
