-- What an id stands for on the last day, as the spans of records, people, deals and domains have
-- it. A row that names an id which is not here names somebody unknown.
with accounts as (

    select account_id from {{ ref('int_accounts') }}
    where {{ on_last_day() }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

versions as (

    select * from {{ ref('int_account_versions') }}
    where {{ on_last_day() }}

),

merged as (

    select crm_account_id from {{ ref('int_account_links') }}
    where basis = 'merged' and {{ on_last_day() }}

),

people as (

    select * from {{ ref('int_person_records') }}
    where {{ on_last_day() }}

),

-- A person counts for one account, whichever of its records names it: a lead of marketing counts
-- for the account of the contact of that address.
people_accounts as (

    select int_people.person_id, accounts.account_id
    from {{ ref('int_people') }} as int_people
    inner join accounts on int_people.account_id = accounts.account_id
    where {{ on_last_day('int_people.') }}

),

address_lists as (

    select person_id, other_emails as ids from people
    where other_emails is not null and not is_excluded

),

listed_addresses as (

    {{ listed_ids('address_lists', other_letters='@._+') }}

),

-- Who has further addresses is one person under all of them.
addresses_of_people as (

    select person_id as email, account_id from people_accounts
    union
    select {{ normalised_email('listed_addresses.listed_id') }}, people_accounts.account_id
    from listed_addresses
    inner join people_accounts on listed_addresses.person_id = people_accounts.person_id

),

domains as (

    select domain_owners.domain, accounts.account_id
    from {{ ref('int_domain_owners') }} as domain_owners
    inner join accounts on domain_owners.account_id = accounts.account_id
    where {{ on_last_day('domain_owners.') }}

),

identifies as (

    select
        anonymous_id, email, email_domain,
        row_number() over (
            partition by anonymous_id order by known_date desc, version_at desc
        ) as recency
    from {{ ref('stg_segment__identifies') }}
    where email is not null and known_date <= {{ end_date() }}

),

resolutions as (

    select
        ip, domain,
        row_number() over (partition by ip order by known_date desc, version_at desc) as recency
    from {{ ref('stg_reveal__ip_companies') }}
    where known_date <= {{ end_date() }}
        and (
            confidence_share >= {{ var('resolver_min_confidence') }} or confidence_share is null
        )

)

-- account_id: the account it counts for, null if there is none. reason: why a record of its own
-- does not count. is_shared: several records have the id, so that it names nobody.
select
    'account' as id_type,
    survivors.crm_account_id as id,
    accounts.account_id,
    case
        when merged.crm_account_id is not null or versions.is_deleted
            then 'record merged or deleted'
        when versions.crm_account_id is null then 'no reason found'
        when versions.is_excluded or (of_account.is_excluded and not of_account.is_deleted)
            then 'excluded by a rule'
    end as reason,
    false as is_shared
from survivors
left join accounts on survivors.account_id = accounts.account_id
left join versions on survivors.crm_account_id = versions.crm_account_id
left join versions as of_account on survivors.account_id = of_account.crm_account_id
left join merged on survivors.crm_account_id = merged.crm_account_id

union all

select
    'person',
    people.named_id,
    max(coalesce(people_accounts.account_id, accounts.account_id)),
    case
        when min(case when people.is_excluded then 1 else 0 end) = 1 then 'excluded by a rule'
        when min(case when people.absence_reason = 'deleted' then 1 else 0 end) = 1
            then 'record merged or deleted'
    end,
    max(case when people.shared_from <= {{ end_date() }} then 1 else 0 end) = 1
from people
left join accounts on people.account_id = accounts.account_id
left join people_accounts on people.person_id = people_accounts.person_id
group by people.named_id

union all

select
    'deal',
    spans.crm_opportunity_id,
    accounts.account_id,
    -- Without an account it is pipeline all the same.
    case
        when spans.account_id is null and spans.is_account_named then 'deal of an unknown account'
        when spans.account_id is null then 'deal without an account'
        when not spans.is_mapped and spans.outcome = 'open' then 'stage unmapped'
    end,
    false
from {{ ref('int_deal_spans') }} as spans
left join accounts on spans.account_id = accounts.account_id
where {{ on_last_day('spans.') }}

union all

select 'domain', domain, account_id, null, false
from domains

union all

select
    'visitor',
    identifies.anonymous_id,
    max(coalesce(addresses_of_people.account_id, domains.account_id)),
    null,
    false
from identifies
left join addresses_of_people on identifies.email = addresses_of_people.email
left join domains on identifies.email_domain = domains.domain
where identifies.recency = 1
group by identifies.anonymous_id

union all

select 'address', resolutions.ip, domains.account_id, null, false
from resolutions
inner join domains on resolutions.domain = domains.domain
where resolutions.recency = 1
