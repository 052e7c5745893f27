with versions as (

    select * from {{ ref('int_person_versions') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

outcomes as (

    {{ rows_of_sources('outcomes', [
        'record_id', 'outcome', 'known_date'
    ]) }}

),

merged_ids as (

    select record_id, source_instance, '' as id_prefix, valid_from, merged_record_ids as ids
    from versions
    where merged_record_ids is not null

    {% for source in sources_of('merges') %}
    union all

    select record_id, source_instance, id_prefix, known_date, merged_record_ids
    from {{ ref(source.model) }}
    {%- if not source.is_on %}
    where 1 = 0
    {%- endif %}
    {% endfor %}

),

listed_merges as (

    {{ listed_ids('merged_ids') }}

),

losers as (

    select
        id_prefix || case when source_instance = 'main' then '' else source_instance || ':' end
        || listed_id as loser_id,
        record_id,
        valid_from
    from listed_merges

),

-- Which record stands for another: the contact a lead was converted to, the winner of a merge, the
-- CRM's record that a marketing system copies.
links as (

    select
        loser_id as record_id,
        record_id as linked_record_id,
        1 as precedence,
        min(valid_from) as valid_from,
        {{ forever() }} as valid_to
    from losers
    group by loser_id, record_id

    union all

    select record_id, linked_record_id, 2, min(valid_from), {{ forever() }}
    from versions
    where linked_record_id is not null
    group by record_id, linked_record_id

    union all

    select record_id, synced_record_id, 3, min(valid_from), {{ forever() }}
    from versions
    where synced_record_id is not null
    group by record_id, synced_record_id

),

known_links as (

    {{ winning_claims(
        'links', key=['record_id'], columns=['linked_record_id'],
        order_by='links.precedence, links.valid_from desc, links.linked_record_id'
    ) }}

),

linked_records as (

    select known_links.record_id, min(known_links.valid_from) as valid_from
    from known_links
    group by known_links.record_id

),

linked_starts as (

    select
        linked_records.record_id,
        least(
            linked_records.valid_from, coalesce(min(versions.valid_from), linked_records.valid_from)
        ) as valid_from
    from linked_records
    left join versions on linked_records.record_id = versions.record_id
    group by linked_records.record_id, linked_records.valid_from

),

final_records as (

    {{ follow_links('linked_starts', 'known_links') }}

),

-- The person a linked record stands for: the last record of its links by its address; while that is
-- not known, its own.
person_claims as (

    select
        final_records.record_id,
        coalesce(final_versions.email, final_versions.record_id) as person_id,
        1 as precedence,
        greatest(final_records.valid_from, final_versions.valid_from) as valid_from,
        least(final_records.valid_to, final_versions.valid_to) as valid_to
    from final_records
    inner join versions as final_versions
        on
            final_records.current_id = final_versions.record_id
            and final_records.valid_from < final_versions.valid_to
            and final_versions.valid_from < final_records.valid_to
    -- Of a record of which nothing is known yet the other's address says more.
    where final_versions.email is not null or final_versions.crm_account_id is not null

    union all

    select
        final_records.record_id,
        coalesce(versions.email, final_records.current_id),
        2,
        greatest(final_records.valid_from, versions.valid_from),
        least(final_records.valid_to, versions.valid_to)
    from final_records
    inner join versions
        on
            final_records.record_id = versions.record_id
            and final_records.valid_from < versions.valid_to
            and versions.valid_from < final_records.valid_to

),

linked_people as (

    {{ winning_claims(
        'person_claims', key=['record_id'], columns=['person_id'],
        order_by='person_claims.precedence'
    ) }}

),

{%- set kept = [
    'crm_account_id', 'email', 'email_domain', 'title', 'department', 'buying_role', 'is_bounced',
    'is_opted_out', 'is_deleted', 'is_excluded', 'created_date', 'source_rank'
] %}

records as (

    select
        versions.record_id,
        coalesce(linked_people.person_id, versions.email, versions.record_id) as person_id,
        {%- for column in kept %}
        versions.{{ column }},
        {%- endfor %}
        versions.named_id,
        versions.shared_from,
        greatest(versions.valid_from, coalesce(linked_people.valid_from, versions.valid_from))
            as valid_from,
        least(versions.valid_to, coalesce(linked_people.valid_to, versions.valid_to)) as valid_to
    from versions
    left join linked_people
        on
            versions.record_id = linked_people.record_id
            and versions.valid_from < linked_people.valid_to
            and linked_people.valid_from < versions.valid_to

    union all

    -- A record known only as merged into another is what the other is.
    select
        final_records.record_id,
        coalesce(final_versions.email, final_versions.record_id),
        {%- for column in kept %}
        final_versions.{{ column }},
        {%- endfor %}
        final_records.record_id,
        cast(null as date),
        greatest(final_records.valid_from, final_versions.valid_from),
        least(final_records.valid_to, final_versions.valid_to)
    from final_records
    inner join versions as final_versions
        on
            final_records.current_id = final_versions.record_id
            and final_records.valid_from < final_versions.valid_to
            and final_versions.valid_from < final_records.valid_to
    left join versions on final_records.record_id = versions.record_id
    where versions.record_id is null

),

-- The day from which an address is known to bounce or to have opted out, in whatever system.
ranked_outcomes as (

    select
        records.email,
        outcomes.outcome,
        greatest(outcomes.known_date, records.valid_from) as gone_from,
        row_number() over (
            partition by records.email
            order by greatest(outcomes.known_date, records.valid_from), outcomes.outcome
        ) as outcome_order
    from outcomes
    inner join records on outcomes.record_id = records.record_id
    where outcomes.outcome in ('bounced', 'opted_out') and records.email is not null

),

gone as (

    select email, outcome, gone_from from ranked_outcomes
    where outcome_order = 1

),

deleted as (

    select record_id, min(known_date) as gone_from
    from outcomes
    where outcome = 'deleted'
    group by record_id

),

-- An account id in the CRM says whose person it is; without one the owner of the address's domain.
placed as (

    select
        records.*,
        survivors.account_id,
        1 as precedence,
        greatest(records.valid_from, survivors.valid_from) as placed_from,
        least(records.valid_to, survivors.valid_to) as placed_to
    from records
    inner join survivors
        on
            records.crm_account_id = survivors.crm_account_id
            and records.valid_from < survivors.valid_to
            and survivors.valid_from < records.valid_to

    union all

    select
        records.*,
        domain_owners.account_id,
        2 as precedence,
        greatest(records.valid_from, coalesce(domain_owners.valid_from, records.valid_from)),
        least(records.valid_to, coalesce(domain_owners.valid_to, records.valid_to))
    from records
    left join domain_owners
        on
            records.email_domain = domain_owners.domain
            and records.valid_from < domain_owners.valid_to
            and domain_owners.valid_from < records.valid_to
    left join survivors
        on
            records.crm_account_id = survivors.crm_account_id
            and survivors.valid_to = {{ forever() }}
    where survivors.crm_account_id is null

),

states as (

    select
        placed.*,
        case
            when deleted.gone_from is null then gone.gone_from
            else least(deleted.gone_from, coalesce(gone.gone_from, deleted.gone_from))
        end as gone_from,
        case
            when deleted.gone_from <= coalesce(gone.gone_from, deleted.gone_from) then 'deleted'
            else gone.outcome
        end as gone_reason,
        case
            when placed.is_deleted then 'deleted'
            when placed.is_bounced then 'bounced'
            when placed.is_opted_out then 'opted_out'
        end as absence_reason
    from placed
    left join gone on placed.email = gone.email
    left join deleted on placed.record_id = deleted.record_id

),

cut as (

    select
        states.*, false as is_gone, placed_from as from_day,
        least(placed_to, coalesce(gone_from, placed_to)) as to_day
    from states
    union all
    select
        states.*, true, greatest(placed_from, gone_from), placed_to
    from states
    where gone_from is not null

)

select
    record_id,
    person_id,
    case when not is_excluded then account_id end as account_id,
    email,
    title,
    department,
    buying_role,
    absence_reason is null and not is_gone and email is not null as is_contactable,
    absence_reason is null and not is_gone as is_present,
    coalesce(absence_reason, case when is_gone then gone_reason end) as absence_reason,
    is_excluded,
    created_date,
    precedence,
    source_rank,
    named_id,
    shared_from,
    from_day as valid_from,
    to_day as valid_to
from cut
where from_day < to_day
