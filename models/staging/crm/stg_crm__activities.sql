with source as (

    select * from {{ source('crm', 'activities') }}
    where _status = 'accepted'

),

{{ crm_references(['account', 'person', 'owner']) }},

-- A deal's first account: that of its acts, where they name none.
deals as (

    select deal_id, crm_account_id, seen_on
    from (
        select
            {{ record_id('source.deal_id') }} as deal_id,
            coalesce({{ record_id('source.account_id') }}, by_site.id, by_name.id)
                as crm_account_id,
            source._delivery_day as seen_on,
            row_number() over (
                partition by source._instance, source.deal_id
                order by source._delivery_day, source._version_at
            ) as version_order
        from {{ source('crm', 'deals') }} as source
        {{ crm_named('account', 'by_site', crm_site('source.account_website_registrable'), is_act=true) }}
        {{ crm_named('account', 'by_name', crm_name('source.account_name'), is_act=true) }}
        where
            source._status = 'accepted'
            and coalesce({{ record_id('source.account_id') }}, by_site.id, by_name.id) is not null
    ) as versions
    where version_order = 1

)

select
    'crm' as source_system,
    source._instance as source_instance,
    'activities' as source_table,
    {{ record_id('source.activity_id') }} as act_id,
    coalesce(
        {{ record_id('source.person_id') }}, by_address.id, by_person_name.id, related_person.id
    ) as record_id,
    coalesce(
        {{ record_id('source.account_id') }},
        by_site.id,
        by_name.id,
        related_account.id,
        deals.crm_account_id,
        related_deals.crm_account_id
    ) as crm_account_id,
    case
        when coalesce(
            {{ record_id('source.account_id') }}, {{ record_id('source.person_id') }},
            by_site.id, by_name.id, by_address.id, by_person_name.id
        ) is null
            then source.account_website_registrable
    end as domain,
    cast(null as {{ dbt.type_string() }}) as campaign_id,
    lower(trim(source.activity_kind)) as activity_kind,
    lower(trim(source.direction)) as activity_subkind,
    lower(trim(source.outcome)) as disposition,
    source.subject,
    {{ to_day('source.occurred_at') }} as occurred_date,
    -- Without a word of it, what lies ahead of the delivery is planned.
    coalesce(
        source.is_done,
        {{ to_day('source.occurred_at') }}
        <= greatest(source._delivery_day, {{ to_day('source._version_at') }})
    )
    and not coalesce(source.is_deleted, false) as is_done,
    coalesce(source.is_deleted, false) as is_deleted,
    coalesce(
        {{ record_id('source.owner_id') }},
        owner_by_address.id,
        owner_by_name.id,
        {{ record_id(normalised_email('source.owner_email')) }},
        {{ record_id("nullif(trim(source.owner_name), '')") }}
    ) as owner_id,
    1 as quantity,
    source._extra as custom_fields,
    {{ to_day('coalesce(source.created_at, source.occurred_at)') }} as created_date,
    source._version_at as version_at,
    source._is_first_load as is_first_load,
    {{ known_date(to_day('source._version_at')) }} as known_date,
    source._load_id as load_id,
    source._file as file_path,
    source._row as file_row
from source
{{ crm_named('account', 'by_site', crm_site('source.account_website_registrable'), is_act=true) }}
{{ crm_named('account', 'by_name', crm_name('source.account_name'), is_act=true) }}
{{ crm_named('person', 'by_address', crm_address('source.person_email'), is_act=true) }}
{{ crm_named('person', 'by_person_name', crm_name('source.person_name'), is_act=true) }}
{{ crm_named('account', 'related_account', "'id:' || source.related_id", is_act=true) }}
{{ crm_named('person', 'related_person', "'id:' || source.related_id", is_act=true) }}
left join deals
    on
        deals.deal_id = {{ record_id('source.deal_id') }}
        and deals.seen_on <= source._delivery_day
left join deals as related_deals
    on
        related_deals.deal_id = {{ record_id('source.related_id') }}
        and related_deals.seen_on <= source._delivery_day
{{ crm_named('owner', 'owner_by_address', crm_address('source.owner_email'), is_act=true) }}
{{ crm_named('owner', 'owner_by_name', crm_name('source.owner_name'), is_act=true) }}
