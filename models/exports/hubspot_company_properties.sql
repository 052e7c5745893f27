with field_changes as (

    select * from {{ ref('crm_field_changes') }}
    where destination = 'hubspot'

),

feed as (

    select * from {{ ref('account_change_feed') }}

),

records as (

    select
        record_id,
        source_instance,
        account_id,
        version,
        as_of_date,
        string_agg(crm_field, ', ' order by crm_field) as changed_fields
    from field_changes
    group by record_id, source_instance, account_id, version, as_of_date

)

select
    records.record_id as hubspot_company_id,
    records.source_instance,
    records.account_id,
    records.version,
    records.as_of_date,
    records.changed_fields,
    feed.state,
    feed.state_since,
    feed.primary_driver,
    feed.fit_tier,
    feed.strength_score,
    feed.readiness_segment,
    feed.decision,
    feed.revisit_on,
    feed.play_name,
    feed.play_owner_function,
    feed.play_due_on,
    feed.why
from records
inner join feed on records.account_id = feed.account_id and records.version = feed.version
