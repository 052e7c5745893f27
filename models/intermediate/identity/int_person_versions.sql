{%- set attributes = [
    'source_system', 'source_instance', 'source_rank', 'record_kind', 'crm_account_id', 'email',
    'email_domain', 'other_emails', 'title', 'department', 'buying_role', 'merged_record_ids',
    'synced_record_id'
] -%}

with people as (

    select
        *,
        row_number() over (partition by record_id order by version_at) as version_order
    from {{ ref('int_crm_people') }}

),

removals as (

    select * from {{ ref('int_record_removals') }}
    where record_kind = 'person' and is_day_end

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
            removals.source_system = people.source_system
            and removals.record_id = people.record_id
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
        cast(null as boolean),
        cast(null as boolean),
        false,
        created_date
    from people
    where version_order = 1 and is_first_load and created_date < known_date

),

in_force as (

    {{ versions_in_force('versions', 'record_id') }}

),

-- A version that does not say whether a bounce or an opt-out still holds takes none back: exports
-- leave columns out.
carried as (

    select
        in_force.*,
        coalesce(last_value(is_bounced ignore nulls) over so_far, false) as was_bounced,
        coalesce(last_value(is_opted_out ignore nulls) over so_far, false) as was_opted_out
    from in_force
    window so_far as (
        partition by record_id order by valid_from
        rows between unbounded preceding and current row
    )

)

select
    carried.record_id,
    carried.valid_from,
    carried.valid_to,
    carried.version_at,
    {%- for attribute in attributes %}
    carried.{{ attribute }},
    {%- endfor %}
    carried.linked_record_id,
    carried.was_bounced as is_bounced,
    carried.was_opted_out as is_opted_out,
    carried.is_deleted,
    carried.created_date,
    exists(
        select 1 from exclusions
        where coalesce(carried.email, '') like exclusions.pattern
    ) as is_excluded
from carried
