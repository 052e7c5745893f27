{%- set attributes = [
    'source_system', 'source_instance', 'source_rank', 'record_kind', 'crm_account_id', 'email',
    'email_domain', 'other_emails', 'title', 'department', 'buying_role', 'merged_record_ids',
    'synced_record_id', 'named_id', 'shared_from', 'seats_told_from'
] -%}
{%- set delivered = [
    'source_system', 'source_instance', 'source_rank', 'record_kind', 'crm_account_id', 'email',
    'email_domain', 'other_emails', 'title', 'department', 'buying_role', 'is_bounced',
    'is_opted_out', 'is_deleted', 'linked_record_id', 'merged_record_ids', 'synced_record_id',
    'created_date', 'version_at', 'is_first_load', 'known_date'
] -%}

with delivered as (

    select * from {{ ref('int_crm_people') }}

),

-- An id belongs to its kind of record: lead 7 and contact 7 are two people, and so are the contacts
-- 7 of two CRMs.
kinds as (

    select
        record_id,
        source_system,
        record_kind,
        min(source_rank) as source_rank,
        min({{ backfilled_from('least(created_date, known_date)') }}) as known_from
    from delivered
    group by record_id, source_system, record_kind

),

ranked_kinds as (

    select
        kinds.*,
        row_number() over (
            partition by record_id order by source_rank, record_kind, source_system
        ) as name_order,
        row_number() over (
            partition by record_id order by known_from, source_rank, record_kind, source_system
        ) as age_order,
        count(*) over (partition by record_id) as kinds_of_id
    from kinds

),

shared_ids as (

    select
        ranked_kinds.record_id, ranked_kinds.source_system, ranked_kinds.record_kind,
        ranked_kinds.name_order, seconds.known_from as shared_from
    from ranked_kinds
    inner join ranked_kinds as seconds
        on ranked_kinds.record_id = seconds.record_id and seconds.age_order = 2
    where ranked_kinds.kinds_of_id > 1

),

-- From when on a table says who sits where: by a title or a buying role of anybody in it. What the
-- first load says is taken to have held always.
seat_tables as (

    select
        source_system,
        source_instance,
        record_kind,
        min({{ backfilled_from(ever_since()) }}) as seats_told_from
    from delivered
    where buying_role is not null
        or {{ plain_words("coalesce(title, '')") }} not in (
            ''
            {%- for blank in var('blank_titles') %},
            '{{ blank }}'
            {%- endfor %}
        )
    group by source_system, source_instance, record_kind

),

-- The first of them keeps the id as its name. From the day on which another is known to have it,
-- what names the id alone, as an activity does, names nobody (shared_from).
people as (

    select
        {%- for column in delivered %}
        delivered.{{ column }},
        {%- endfor %}
        case
            when shared_ids.name_order > 1
                then
                    delivered.source_system || ' ' || delivered.record_kind || ' '
                    || delivered.record_id
            else delivered.record_id
        end as record_id,
        delivered.record_id as named_id,
        shared_ids.shared_from,
        seat_tables.seats_told_from,
        row_number() over (
            partition by
                delivered.record_id, delivered.source_system, delivered.record_kind
            order by delivered.version_at
        ) as version_order
    from delivered
    left join shared_ids
        on
            delivered.record_id = shared_ids.record_id
            and delivered.source_system = shared_ids.source_system
            and delivered.record_kind = shared_ids.record_kind
    left join seat_tables
        on
            delivered.source_system = seat_tables.source_system
            and delivered.source_instance = seat_tables.source_instance
            and delivered.record_kind = seat_tables.record_kind

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
            removals.record_id = people.named_id
            and removals.source_system = people.source_system
            and removals.changed_on >= people.known_date
            and (
                people.shared_from is null
                or removals.table_name like people.record_kind || '%'
            )

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
        {%- if attribute in [
            'source_system', 'source_instance', 'source_rank', 'record_kind', 'named_id',
            'shared_from', 'seats_told_from'
        ] %}
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
