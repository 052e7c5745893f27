{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns',
    pre_hook="{% if is_incremental() %}
        delete from {{ this }} where mapping_version is distinct from (
            {{ act_mapping(ref('crm_activity_types'), ref('subject_types'), ref('offer_rules')) }}
        )
    {% endif %}"
) }}

with crm_activity_types as (

    select * from {{ ref('crm_activity_types') }}

),

subject_types as (

    select * from {{ ref('subject_types') }}

),

offer_rules as (

    select * from {{ ref('offer_rules') }}

),

-- A campaign's type is what its first version said, once that was known.
campaigns as (

    select
        crm_campaign_id,
        campaign_type,
        {{ backfilled_from('created_date') }} as known_from
    from (
        select
            stg_campaigns.*,
            row_number()
                over (partition by crm_campaign_id order by load_id, version_at)
                as version_order
        from {{ ref('stg_salesforce__campaigns') }} as stg_campaigns
    ) as first_versions
    where version_order = 1

),

act_versions as (

    select * from {{ ref('int_activities') }}

),

attendee_versions as (

    select * from {{ ref('int_attendees') }}

),

{%- if is_incremental() %}

newest_load as (

    select coalesce(max(load_id), 0) as load_id from {{ this }}

),

changed_acts as (

    select act_versions.source_system, act_versions.act_id
    from act_versions
    inner join newest_load on act_versions.load_id > newest_load.load_id
    union
    select attendee_versions.source_system, attendee_versions.act_id
    from attendee_versions
    inner join newest_load on attendee_versions.load_id > newest_load.load_id

),

-- What a new load changes, and what happened on the same days: copies of one mail are found there.
days_in_question as (

    select distinct act_versions.occurred_date
    from act_versions
    inner join changed_acts
        on
            act_versions.source_system = changed_acts.source_system
            and act_versions.act_id = changed_acts.act_id

),

acts_in_question as (

    select source_system, act_id from changed_acts
    union
    select act_versions.source_system, act_versions.act_id
    from act_versions
    inner join days_in_question on act_versions.occurred_date = days_in_question.occurred_date

),

touched as (

    select act_versions.*
    from act_versions
    inner join acts_in_question
        on
            act_versions.source_system = acts_in_question.source_system
            and act_versions.act_id = acts_in_question.act_id

),
{%- else %}

touched as (

    select * from act_versions

),
{%- endif %}

-- Most acts have one version and need no looking before or after.
changed_later as (

    select source_system, act_id
    from touched
    group by source_system, act_id
    having count(*) > 1

),

arrivals as (

    select
        touched.*,
        row_number() over act_by_version as version_order,
        max(touched.version_at) over (
            partition by touched.source_system, touched.act_id
            order by touched.load_id, touched.known_date, touched.version_at
            rows between unbounded preceding and current row
        ) as newest_version_at
    from touched
    inner join changed_later
        on
            touched.source_system = changed_later.source_system
            and touched.act_id = changed_later.act_id
    window act_by_version as (
        partition by touched.source_system, touched.act_id order by touched.version_at
    )

),

-- A later version of an act takes back what the one before it stood for: a task completed, moved to
-- another contact or deleted changes the counts from the day that became known.
changes as (

    select
        source_system, source_table, source_instance, act_id, record_id, crm_account_id, domain,
        campaign_id, activity_kind, activity_subkind, disposition, subject, occurred_date, is_done,
        owner_id, quantity, load_id, known_date,
        -- In the first load an act was known when the source recorded it, whenever it was edited
        -- since.
        {{ backfilled_from('created_date', 'version_order = 1') }} as from_date,
        lead(known_date) over act as to_date,
        lead(load_id) over act as to_load_id
    from arrivals
    where version_at = newest_version_at
    window act as (
        partition by source_system, act_id order by load_id, known_date, version_at
    )

    union all

    select
        {%- for column in [
            'source_system', 'source_table', 'source_instance', 'act_id', 'record_id',
            'crm_account_id', 'domain', 'campaign_id', 'activity_kind', 'activity_subkind',
            'disposition', 'subject', 'occurred_date', 'is_done', 'owner_id', 'quantity', 'load_id',
            'known_date'
        ] %}
        touched.{{ column }},
        {%- endfor %}
        {{ backfilled_from('touched.created_date', prefix='touched.') }},
        cast(null as date),
        cast(null as bigint)
    from touched
    left join changed_later
        on
            touched.source_system = changed_later.source_system
            and touched.act_id = changed_later.act_id
    where changed_later.act_id is null

),

done as (

    select
        changes.source_system,
        changes.source_table,
        {{ feed_name('changes.') }} as feed,
        changes.act_id,
        changes.record_id,
        changes.crm_account_id,
        changes.domain,
        coalesce(changes.activity_kind, campaigns.campaign_type) as activity_kind,
        changes.activity_subkind,
        changes.disposition,
        nullif(trim(regexp_replace(
            lower(coalesce(changes.subject, '')), '{{ var("copied_subject_prefix") }}', ''
        )), '') as subject,
        changes.occurred_date,
        changes.owner_id,
        changes.quantity,
        changes.from_date,
        changes.load_id,
        coalesce(changes.to_date, {{ forever() }}) as to_date,
        changes.to_load_id
    from changes
    left join campaigns
        on
            case when changes.source_system = 'salesforce' then changes.campaign_id end
            = campaigns.crm_campaign_id
            and changes.known_date >= campaigns.known_from
    where changes.is_done

),

done_acts as (

    select distinct source_system, act_id from done

),

-- Who took part, by tables of their own: several attendees, or all of them in CRMs that keep people
-- apart from activities.
attendee_changes as (

    select
        attendee_versions.source_system,
        attendee_versions.act_id,
        attendee_versions.record_id,
        attendee_versions.crm_account_id,
        attendee_versions.is_deleted,
        attendee_versions.load_id,
        {{ backfilled_from(ever_since(), prefix='attendee_versions.') }} as from_date,
        coalesce(lead(attendee_versions.known_date) over attendee, {{ forever() }}) as to_date,
        lead(attendee_versions.load_id) over attendee as to_load_id
    from attendee_versions
    inner join done_acts
        on
            attendee_versions.source_system = done_acts.source_system
            and attendee_versions.act_id = done_acts.act_id
    window attendee as (
        partition by
            attendee_versions.source_system, attendee_versions.act_id, attendee_versions.record_id,
            attendee_versions.crm_account_id
        order by
            attendee_versions.load_id, attendee_versions.known_date,
            attendee_versions.version_at
    )

),

attendees as (

    select * from attendee_changes
    where not is_deleted

),

first_attendees as (

    select source_system, act_id, min(from_date) as from_date, min(load_id) as load_id
    from attendees
    where record_id is not null
    group by source_system, act_id

),

act_accounts as (

    select
        source_system, act_id, min(from_date) as from_date, min(load_id) as load_id,
        min_by(crm_account_id, load_id) as crm_account_id
    from attendees
    where crm_account_id is not null
    group by source_system, act_id

),

participations as (

    select
        done.*,
        case
            when done.record_id is not null then 'person_record'
            when done.domain is not null then 'domain'
            else 'crm_account'
        end as identity_type,
        coalesce(done.record_id, done.domain, done.crm_account_id, act_accounts.crm_account_id)
            as identity,
        case when done.record_id is null then '' else coalesce(done.crm_account_id, '') end
            as fallback_identity,
        greatest(done.from_date, case
            when coalesce(done.record_id, done.domain, done.crm_account_id) is null
                then act_accounts.from_date
            else done.from_date
        end) as counted_from,
        greatest(done.load_id, case
            when coalesce(done.record_id, done.domain, done.crm_account_id) is null
                then act_accounts.load_id
            else done.load_id
        end) as counted_load_id,
        case
            when done.record_id is null and first_attendees.from_date < done.to_date
                then first_attendees.from_date
            else done.to_date
        end as counted_to,
        case
            when done.record_id is null and first_attendees.from_date < done.to_date
                then first_attendees.load_id
            else done.to_load_id
        end as counted_to_load_id
    from done
    left join first_attendees
        on
            done.source_system = first_attendees.source_system
            and done.act_id = first_attendees.act_id
    left join act_accounts
        on done.source_system = act_accounts.source_system and done.act_id = act_accounts.act_id

    union all

    select
        done.*,
        'person_record',
        attendees.record_id,
        coalesce(done.crm_account_id, act_accounts.crm_account_id, ''),
        greatest(done.from_date, attendees.from_date),
        greatest(done.load_id, attendees.load_id),
        least(done.to_date, attendees.to_date),
        case
            when attendees.to_date < done.to_date then attendees.to_load_id else done.to_load_id
        end
    from done
    inner join attendees
        on
            done.source_system = attendees.source_system
            and done.act_id = attendees.act_id
            and attendees.record_id is not null
            and attendees.record_id is distinct from done.record_id
            and done.from_date < attendees.to_date
            and attendees.from_date < done.to_date
    left join act_accounts
        on
            done.source_system = act_accounts.source_system
            and done.act_id = act_accounts.act_id
            -- The accounts that were known when the act was loaded: a version that takes it back
            -- has to take it from the same ones.
            and act_accounts.load_id <= greatest(done.load_id, attendees.load_id)

),

kinds as (

    select
        kinds.source_table,
        kinds.activity_kind,
        kinds.activity_subkind,
        kinds.disposition,
        crm_activity_types.activity_type,
        crm_activity_types.counts_copies_once,
        row_number() over (
            partition by
                kinds.source_table, kinds.activity_kind, kinds.activity_subkind, kinds.disposition
            order by crm_activity_types.rule_rank
        ) as rule_order
    from (
        select distinct source_table, activity_kind, activity_subkind, disposition
        from done
    ) as kinds
    inner join crm_activity_types
        on
            kinds.source_table = crm_activity_types.source_table
            and coalesce(kinds.activity_kind, '') like coalesce(crm_activity_types.kind_pattern, '')
            and coalesce(kinds.activity_subkind, '') like coalesce(
                crm_activity_types.subkind_pattern, ''
            )
            and coalesce(kinds.disposition, '') like coalesce(
                crm_activity_types.disposition_pattern, ''
            )

),

-- What an act is may stand in its subject alone: the note of a machine, or a form that asks for
-- nothing of what we sell.
subjects as (

    select
        subjects.activity_type,
        subjects.subject,
        subject_types.counts_as,
        row_number() over (
            partition by subjects.activity_type, subjects.subject order by subject_types.rule_rank
        ) as rule_order
    from (
        select distinct kinds.activity_type, done.subject
        from done
        inner join kinds
            on
                done.source_table = kinds.source_table
                and done.activity_kind is not distinct from kinds.activity_kind
                and done.activity_subkind is not distinct from kinds.activity_subkind
                and done.disposition is not distinct from kinds.disposition
                and kinds.rule_order = 1
        where done.subject is not null
            and kinds.activity_type in (select subject_types.activity_type from subject_types)
    ) as subjects
    inner join subject_types
        on
            subjects.activity_type = subject_types.activity_type
            and {{ without_accents('subjects.subject') }} like subject_types.subject_pattern

),

offers as (

    select
        offers.source_table,
        offers.activity_kind,
        offers.subject,
        offer_rules.offer_type,
        offer_rules.content_level,
        row_number() over (
            partition by offers.source_table, offers.activity_kind, offers.subject
            order by offer_rules.rule_rank
        ) as rule_order
    from (select distinct source_table, activity_kind, subject from done) as offers
    inner join offer_rules
        on
            offers.source_table like offer_rules.source_table_pattern
            and coalesce(offers.activity_kind, '') like offer_rules.kind_pattern
            and coalesce(offers.subject, '') like offer_rules.subject_pattern

),

typed as (

    select
        participations.*,
        case
            when scanner_clicks.act_id is not null then 'scanner_click'
            else coalesce(subjects.counts_as, kinds.activity_type)
        end as activity_type,
        kinds.counts_copies_once and participations.subject is not null as may_be_a_copy,
        offers.offer_type,
        offers.content_level
    from participations
    inner join kinds
        on
            participations.source_table = kinds.source_table
            and participations.activity_kind is not distinct from kinds.activity_kind
            and participations.activity_subkind is not distinct from kinds.activity_subkind
            and participations.disposition is not distinct from kinds.disposition
            and kinds.rule_order = 1
    left join subjects
        on
            kinds.activity_type = subjects.activity_type
            and participations.subject = subjects.subject
            and subjects.rule_order = 1
    left join offers
        on
            participations.source_table = offers.source_table
            and participations.activity_kind is not distinct from offers.activity_kind
            and participations.subject is not distinct from offers.subject
            and offers.rule_order = 1
    left join {{ ref('int_scanner_clicks') }} as scanner_clicks
        on
            participations.source_system = scanner_clicks.source_system
            and participations.act_id = scanner_clicks.act_id
    where participations.identity is not null
        and participations.counted_from < participations.counted_to

),

-- A mail that a sequencer logs a second time is one mail: of those of a person, day, type and
-- subject the first to arrive counts. While that one is undone or something else, the next does.
copied as (

    select source_system, identity_type, identity, occurred_date, activity_type, subject
    from typed
    where may_be_a_copy
    group by source_system, identity_type, identity, occurred_date, activity_type, subject
    having min(act_id) != max(act_id)

),

alike as (

    select
        typed.source_system,
        typed.identity_type,
        typed.identity,
        typed.occurred_date,
        typed.activity_type,
        typed.subject,
        typed.act_id,
        typed.counted_from,
        typed.counted_load_id,
        typed.counted_to,
        typed.counted_to_load_id,
        row_number() over (
            partition by
                typed.source_system, typed.identity_type, typed.identity, typed.occurred_date,
                typed.activity_type, typed.subject
            order by typed.counted_load_id, typed.counted_from, typed.act_id
        ) as arrival
    from typed
    inner join copied
        on
            typed.source_system = copied.source_system
            and typed.identity_type = copied.identity_type
            and typed.identity = copied.identity
            and typed.occurred_date = copied.occurred_date
            and typed.activity_type = copied.activity_type
            and typed.subject = copied.subject
    where typed.may_be_a_copy

),

in_order_of_arrival as (

    select
        alike.*,
        min(arrival) over (
            partition by
                source_system, identity_type, identity, occurred_date, activity_type, subject,
                act_id
        ) as act_order
    from alike

),

-- Times at which one that arrived before stands for it.
stood_for as (

    select
        later.source_system,
        later.act_id,
        later.identity_type,
        later.identity,
        later.counted_from,
        later.counted_load_id,
        later.counted_to,
        later.counted_to_load_id,
        earlier.counted_from as busy_from,
        earlier.counted_load_id as busy_load_id,
        earlier.counted_to as busy_to,
        earlier.counted_to_load_id as busy_to_load_id
    from in_order_of_arrival as later
    inner join in_order_of_arrival as earlier
        on
            later.source_system = earlier.source_system
            and later.identity_type = earlier.identity_type
            and later.identity = earlier.identity
            and later.occurred_date = earlier.occurred_date
            and later.activity_type = earlier.activity_type
            and later.subject = earlier.subject
            and earlier.act_order < later.act_order
            and earlier.counted_from < later.counted_to
            and later.counted_from < earlier.counted_to

),

copies as (

    select distinct
        source_system, act_id, identity_type, identity, counted_from, counted_load_id, counted_to,
        counted_to_load_id
    from stood_for

),

busy as (

    select * from stood_for

    union all

    -- What stands before the first of them, and ends at once.
    select
        copies.*,
        counted_from,
        counted_load_id,
        counted_from,
        counted_load_id
    from copies

),

times_between as (

    select
        source_system, act_id, identity_type, identity, counted_from, counted_to,
        counted_to_load_id,
        max(busy_to) over so_far as free_from,
        max(busy_to_load_id) over so_far as free_load_id,
        lead(busy_from) over in_order as free_to,
        lead(busy_load_id) over in_order as free_to_load_id
    from busy
    window
        in_order as (
            partition by source_system, act_id, identity_type, identity, counted_from
            order by busy_from, busy_to
        ),
        so_far as (
            partition by source_system, act_id, identity_type, identity, counted_from
            order by busy_from, busy_to
            rows between unbounded preceding and current row
        )

),

{%- set counted = [
    'occurred_date', 'identity_type', 'identity', 'fallback_identity', 'activity_type', 'feed',
    'owner_id', 'offer_type', 'content_level', 'quantity'
] %}

counted as (

    select
        {%- for column in counted %}
        typed.{{ column }},
        {%- endfor %}
        typed.counted_from,
        typed.counted_load_id,
        typed.counted_to,
        typed.counted_to_load_id
    from typed
    left join copies
        on
            typed.source_system = copies.source_system
            and typed.act_id = copies.act_id
            and typed.identity_type = copies.identity_type
            and typed.identity = copies.identity
            and typed.counted_from = copies.counted_from
    where copies.act_id is null

    union all

    select
        {%- for column in counted %}
        typed.{{ column }},
        {%- endfor %}
        times_between.free_from,
        greatest(typed.counted_load_id, times_between.free_load_id),
        least(typed.counted_to, coalesce(times_between.free_to, typed.counted_to)),
        case
            when times_between.free_to < typed.counted_to then times_between.free_to_load_id
            else typed.counted_to_load_id
        end
    from typed
    inner join times_between
        on
            typed.source_system = times_between.source_system
            and typed.act_id = times_between.act_id
            and typed.identity_type = times_between.identity_type
            and typed.identity = times_between.identity
            and typed.counted_from = times_between.counted_from
    where times_between.free_from
        < least(typed.counted_to, coalesce(times_between.free_to, typed.counted_to))

),

signed as (

    select
        -- An act planned ahead counts when it has occurred.
        greatest(counted_from, occurred_date) as known_date,
        occurred_date, identity_type, identity, fallback_identity, activity_type, feed, owner_id,
        offer_type, content_level, counted_load_id as load_id, quantity
    from counted

    union all

    select
        greatest(counted_to, occurred_date), occurred_date, identity_type, identity,
        fallback_identity, activity_type, feed, owner_id, offer_type, content_level,
        greatest(counted_load_id, counted_to_load_id), -quantity
    from counted
    where counted_to < {{ forever() }}

),

rolled_up as (

    select
        known_date,
        occurred_date,
        identity_type,
        identity,
        fallback_identity,
        activity_type,
        feed,
        owner_id,
        offer_type,
        content_level,
        load_id,
        cast(sum(quantity) as bigint) as quantity
    from signed
    {%- if is_incremental() %}
    where load_id > (select coalesce(max(load_id), 0) from {{ this }})  -- noqa: RF02
    {%- endif %}
    group by
        known_date, occurred_date, identity_type, identity, fallback_identity, activity_type, feed,
        owner_id, offer_type, content_level, load_id
    having sum(quantity) != 0

),

mapping as (

    {{ act_mapping('crm_activity_types', 'subject_types', 'offer_rules') }}

)

select
    rolled_up.*,
    mapping.mapping_version
from rolled_up
cross join mapping
