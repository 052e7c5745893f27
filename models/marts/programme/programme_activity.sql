{#- Whole cents and ten-thousandths: a sum of them is the same in whatever order. -#}
{%- set money = 'decimal(18, 4)' -%}
{%- set measures = [
    'touches', 'broad_touches', 'impressions', 'meetings', 'events', 'leads', 'deals_created',
    'deals_won', 'won_without_amount'
] -%}
{%- set amounts = ['touch_cost_usd', 'broad_cost_usd', 'spend_usd', 'won_amount_usd'] -%}
{%- set keys = [
    'account_id', 'month_start_date', 'function_name', 'channel', 'offer_type', 'content_level'
] -%}

with efforts as (

    select * from {{ ref('int_effort_days') }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

list_began as (

    select min(valid_from) as listed_from from {{ ref('int_target_accounts') }}

),

listed as (

    select distinct account_id from {{ ref('int_target_accounts') }}
    where {{ on_last_day() }}

),

-- Each month as it was stored at its end, and the running one as it stands on the last day.
account_months as (

    select as_of_date, account_id, is_target, fit_tier, state, lifecycle
    from {{ ref('account_snapshots') }}
    where as_of_date <= {{ end_date() }}

    union all

    select as_of_date, account_id, is_target, fit_tier, state, lifecycle
    from {{ ref('int_account_gap_days') }}
    where as_of_date = {{ end_date() }} and not is_month_end

),

known_months as (

    select
        account_months.account_id,
        cast({{ dbt.date_trunc('month', 'account_months.as_of_date') }} as date)
            as month_start_date,
        -- While no list is known every account counts as a target elsewhere; no share of it is one.
        case when list_began.listed_from <= account_months.as_of_date
            then account_months.is_target end as is_target,
        account_months.fit_tier != 'weak' as fits_icp,
        account_months.state,
        account_months.lifecycle
    from account_months
    cross join list_began

),

records as (

    select * from {{ ref('int_person_records') }}

),

people as (

    select * from {{ ref('int_people') }}
    where {{ on_last_day() }}

),

first_versions as (

    select
        record_id,
        crm_account_id,
        coalesce(created_date, valid_from) as created_date,
        row_number() over (partition by record_id order by valid_from) as version_order
    from records

),

current_records as (

    select
        records.person_id,
        records.named_id,
        records.shared_from,
        records.is_excluded,
        first_versions.crm_account_id,
        first_versions.created_date,
        row_number() over (
            partition by records.person_id
            order by
                first_versions.created_date,
                case when first_versions.crm_account_id is null then 1 else 0 end,
                records.record_id
        ) as record_order
    from records
    inner join first_versions
        on records.record_id = first_versions.record_id and first_versions.version_order = 1
    where records.valid_from <= {{ end_date() }} and records.valid_to > {{ end_date() }}

),

lead_types as (

    select * from {{ ref('activity_types') }}
    where activity_type in (
        {%- for activity_type in var('lead_activity_types') %}
        '{{ activity_type }}'{{ ',' if not loop.last }}
        {%- endfor %}
    )

),

requests as (

    select
        current_records.person_id,
        activities.occurred_date,
        lead_types.default_function as function_name,
        lead_types.touch_channel as channel,
        coalesce(activities.offer_type, 'unknown') as offer_type,
        coalesce(activities.content_level, 'unknown') as content_level
    from {{ ref('int_activity_daily') }} as activities
    inner join lead_types on activities.activity_type = lead_types.activity_type
    inner join current_records on activities.identity = current_records.named_id
    where activities.identity_type = 'person_record'
        and activities.known_date <= {{ end_date() }}
        and activities.occurred_date <= {{ end_date() }}
        and not current_records.is_excluded
        and coalesce(current_records.shared_from, {{ forever() }}) > {{ end_date() }}
    group by
        current_records.person_id, activities.occurred_date, lead_types.default_function,
        lead_types.touch_channel, coalesce(activities.offer_type, 'unknown'),
        coalesce(activities.content_level, 'unknown')
    having sum(activities.quantity) > 0

),

-- Who came to us: with the first record naming no account, or by asking for something.
arrivals as (

    select
        person_id, created_date as arrived_on, 'unattributed' as function_name,
        'unattributed' as channel, 'unknown' as offer_type, 'unknown' as content_level,
        1 as is_record
    from current_records
    where record_order = 1 and crm_account_id is null and not is_excluded
        and created_date <= {{ end_date() }}

    union all

    select person_id, occurred_date, function_name, channel, offer_type, content_level, 0
    from requests

),

-- Once a person, on the first day; on one day the request says more than the record.
leads as (

    select
        arrivals.*,
        row_number() over (
            partition by person_id
            order by arrived_on, is_record, function_name, channel, offer_type, content_level
        ) as arrival_order
    from arrivals

),

deal_spans as (

    select
        *,
        min(valid_from) over (partition by crm_opportunity_id) as first_known_on
    from {{ ref('int_opportunity_spans') }}
    where valid_from <= {{ end_date() }}

),

deals as (

    select * from deal_spans
    where {{ on_last_day() }} and not is_renewal

),

counted as (

    select
        account_id, effort_date as happened_on, function_name, channel, offer_type, content_level,
        touches,
        broad_touches,
        broad_touches - mailings as impressions,
        case when channel = 'meeting' then meetings else 0 end as meetings,
        case when channel = 'meeting' then 0 else meetings end as events,
        0 as leads,
        0 as deals_created,
        0 as deals_won,
        0 as won_without_amount,
        cast(touch_cost_usd as {{ money }}) as touch_cost_usd,
        cast(broad_cost_usd as {{ money }}) as broad_cost_usd,
        cast(spend_usd as {{ money }}) as spend_usd,
        cast(0 as {{ money }}) as won_amount_usd
    from efforts

    union all

    select
        people.account_id, leads.arrived_on, leads.function_name, leads.channel, leads.offer_type,
        leads.content_level, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0
    from leads
    left join people on leads.person_id = people.person_id
    where leads.arrival_order = 1

    union all

    select
        account_id, first_known_on, 'unattributed', 'unattributed', 'unknown', 'unknown',
        0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0
    from deals

    union all

    select
        account_id, stage_changed_date, 'unattributed', 'unattributed', 'unknown', 'unknown',
        0, 0, 0, 0, 0, 0, 0, 1, case when annual_amount_usd is null then 1 else 0 end, 0, 0, 0,
        coalesce(cast(annual_amount_usd as {{ money }}), 0)
    from deals
    where outcome = 'won' and stage_changed_date <= {{ end_date() }}

    union all

    -- Of what nothing happened to in a month stands a row without numbers.
    select
        account_id, month_start_date, 'unattributed', 'unattributed', 'unknown', 'unknown',
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from known_months

),

summed as (

    select
        account_id,
        cast({{ dbt.date_trunc('month', 'happened_on') }} as date) as month_start_date,
        function_name,
        channel,
        offer_type,
        content_level,
        {%- for measure in measures + amounts %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from counted
    group by {{ keys | join(', ') }}

)

select
    summed.account_id,
    names.account_name,
    names.owner_name,
    {{ end_date() }} as as_of_date,
    summed.month_start_date,
    known_months.is_target,
    case when summed.account_id is not null and list_began.listed_from is not null
        then listed.account_id is not null end as is_listed_today,
    known_months.fits_icp,
    known_months.state,
    known_months.lifecycle,
    summed.function_name,
    summed.channel,
    summed.offer_type,
    summed.content_level,
    {%- for measure in measures %}
    cast(summed.{{ measure }} as bigint) as {{ measure }},
    {%- endfor %}
    {%- for amount in amounts %}
    cast(summed.{{ amount }} as double) as {{ amount }},
    {%- endfor %}
    cast(summed.touch_cost_usd + summed.spend_usd as double) as effort_usd
from summed
cross join list_began
left join names on summed.account_id = names.account_id
left join listed on summed.account_id = listed.account_id
left join known_months
    on
        summed.account_id = known_months.account_id
        and summed.month_start_date = known_months.month_start_date
