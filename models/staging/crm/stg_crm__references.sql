-- Whom a website, an address or a name stands for in each system. It is who had it first; of two who
-- came with it on one day, nobody. So no later delivery changes what a row meant.
with accounts as (

    select * from {{ source('crm', 'accounts') }}
    where _status = 'accepted'

),

people as (

    select * from {{ source('crm', 'people') }}
    where _status = 'accepted'

),

owners as (

    select * from {{ source('crm', 'owners') }}
    where _status = 'accepted'

),

named as (

    select
        'account' as reference_kind, _instance as source_instance,
        {{ crm_site('website_registrable') }} as reference, {{ record_id('account_id') }} as id,
        _delivery_day as seen_on
    from accounts
    union all
    select
        'account', _instance, {{ crm_name('account_name') }}, {{ record_id('account_id') }},
        _delivery_day
    from accounts
    union all
    select 'account', _instance, 'id:' || account_id, {{ record_id('account_id') }}, _delivery_day
    from accounts
    union all
    select
        'person', _instance, {{ crm_address('email') }}, {{ record_id('person_id') }},
        _delivery_day
    from people
    union all
    select
        'person', _instance,
        {{ crm_name("coalesce(person_name, trim(concat_ws(' ', first_name, last_name)))") }},
        {{ record_id('person_id') }}, _delivery_day
    from people
    union all
    select 'person', _instance, 'id:' || person_id, {{ record_id('person_id') }}, _delivery_day
    from people
    union all
    select
        'owner', _instance, {{ crm_address('owner_email') }}, {{ record_id('owner_id') }},
        _delivery_day
    from owners
    union all
    select
        'owner', _instance,
        {{ crm_name("coalesce(owner_name, trim(concat_ws(' ', first_name, last_name)))") }},
        {{ record_id('owner_id') }}, _delivery_day
    from owners

),

first_seen as (

    select reference_kind, source_instance, reference, id, min(seen_on) as seen_on
    from named
    where reference is not null
    group by reference_kind, source_instance, reference, id

),

ranked as (

    select
        *,
        rank() over (
            partition by reference_kind, source_instance, reference order by seen_on
        ) as place
    from first_seen

)

select reference_kind, source_instance, reference, min(id) as id
from ranked
where place = 1
group by reference_kind, source_instance, reference
having count(*) = 1
