with touches as (

    select * from {{ ref('int_touch_days') }}
    where account_id is not null
        and (
            direction = 'outbound'
            or activity_type in (
                {%- for activity_type in var('effort_inbound_types') %}
                '{{ activity_type }}'{{ ',' if not loop.last }}
                {%- endfor %}
            )
        )

),

activity_types as (

    select * from {{ ref('activity_types') }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

-- The row that each account has in each month that is known of it.
account_months as (

    select * from {{ ref('programme_activity') }}
    where account_id is not null and function_name = 'unattributed'
        and channel = 'unattributed' and offer_type = 'unknown'

),

met as (

    select
        touches.account_id,
        cast({{ dbt.date_trunc('month', 'touches.touch_date') }} as date) as month_start_date,
        touches.touch_date,
        touches.function_name,
        touches.channel,
        touches.offer_type,
        replace(touches.function_name, '_', ' ') || case touches.channel
            when 'email' then ' by email'
            when 'phone' then ' by phone'
            when 'message' then ' by message'
            when 'meeting' then ' in a meeting'
            when 'event' then ' at an event'
            when 'social' then ' on social media'
            when 'ads' then ' through ads'
            else ' (' || touches.channel || ')'
        end as contact,
        activity_types.is_addressed or touches.direction = 'inbound' as is_addressed,
        case when activity_types.reaches_person then touches.person_id end as person_id
    from touches
    inner join activity_types on touches.activity_type = activity_types.activity_type

),

firsts as (

    select
        account_id, month_start_date, contact, min(touch_date) as first_on
    from met
    group by account_id, month_start_date, contact

),

-- Of one day the order is not known.
days as (

    select
        account_id,
        month_start_date,
        first_on,
        string_agg(contact, ' and ' order by contact) as contacts
    from firsts
    group by account_id, month_start_date, first_on

),

sequences as (

    select
        account_id,
        month_start_date,
        string_agg(contacts, ', ' order by first_on) as contact_sequence
    from days
    group by account_id, month_start_date

),

offers as (

    select
        account_id,
        month_start_date,
        string_agg(offer_type, ', ' order by offer_type) as offer_types
    from (
        select distinct account_id, month_start_date, offer_type from met
        where offer_type != 'unknown'
    ) as distinct_offers
    group by account_id, month_start_date

),

summed as (

    select
        account_id,
        month_start_date,
        count(distinct function_name) as functions,
        count(distinct case when is_addressed then function_name end) as addressed_functions,
        count(distinct channel) as channels,
        count(distinct person_id) as stakeholders,
        count(distinct touch_date) as touch_days,
        min(touch_date) as first_touch_on
    from met
    group by account_id, month_start_date

)

select
    summed.account_id,
    names.account_name,
    names.owner_name,
    {{ end_date() }} as as_of_date,
    summed.month_start_date,
    account_months.is_target,
    account_months.fits_icp,
    account_months.state,
    summed.functions,
    summed.addressed_functions,
    summed.channels,
    summed.stakeholders,
    summed.touch_days,
    summed.first_touch_on,
    sequences.contact_sequence,
    offers.offer_types
from summed
inner join sequences
    on
        summed.account_id = sequences.account_id
        and summed.month_start_date = sequences.month_start_date
left join offers
    on
        summed.account_id = offers.account_id
        and summed.month_start_date = offers.month_start_date
left join account_months
    on
        summed.account_id = account_months.account_id
        and summed.month_start_date = account_months.month_start_date
left join names on summed.account_id = names.account_id
