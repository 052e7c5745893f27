with windows as (

    select
        *,
        coalesce(domain, '')
        || '|'
        || coalesce(crm_account_id, '')
        || '|'
        || window_type
        || '|'
        || effect
        || '|' || cast(starts_on as {{ dbt.type_string() }}) as window_key
    from {{ ref('stg_timing__windows') }}

),

rules as (

    select * from {{ ref('window_rules') }}

),

contracts as (

    select * from {{ ref('int_contract_spans') }}

),

attributes as (

    select * from {{ ref('int_account_attributes') }}
    where attribute = 'fiscal_year_end_month'

),

years as (

    select distinct cast(extract(year from as_of_date) as integer) as calendar_year
    from {{ ref('int_days') }}

),

interviews as (

    select * from {{ ref('int_interview_spans') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

window_versions as (

    select
        window_key, domain, crm_account_id, window_type, effect, starts_on, ends_on, version_at,
        known_date as valid_from
    from windows

),

windows_in_force as (

    {{ versions_in_force('window_versions', 'window_key') }}

),

-- The span in which the window is known on the account; starts_on and ends_on say when it holds.
stated as (

    select
        coalesce(survivors.account_id, domain_owners.account_id) as account_id,
        known_windows.window_type,
        'timing' as source,
        known_windows.effect,
        known_windows.starts_on,
        known_windows.ends_on,
        greatest(
            known_windows.valid_from,
            coalesce(survivors.valid_from, domain_owners.valid_from)
        ) as valid_from,
        least(known_windows.valid_to, coalesce(survivors.valid_to, domain_owners.valid_to))
            as valid_to
    from windows_in_force as known_windows
    left join survivors
        on
            known_windows.crm_account_id = survivors.crm_account_id
            and known_windows.valid_from < survivors.valid_to
            and survivors.valid_from < known_windows.valid_to
    -- A condition on one side of a join alone would make it a loop over both.
    left join domain_owners
        on
            case when known_windows.crm_account_id is null then known_windows.domain end
            = domain_owners.domain
            and known_windows.valid_from < domain_owners.valid_to
            and domain_owners.valid_from < known_windows.valid_to
    where coalesce(survivors.account_id, domain_owners.account_id) is not null

    union all

    -- "Come back in spring" closes the window until the day named, or until a later interview.
    select
        account_id, 'research', 'research', 'closed', held_on, {{ add_days('revisit_on', -1) }},
        valid_from, valid_to
    from interviews
    where revisit_on > held_on

),

-- People write a month as a number, a name or a date.
months as (

    select
        account_id,
        source,
        valid_from,
        valid_to,
        cast(coalesce(
            case when value_number between 1 and 12 then value_number end,
            case lower(substring(value_text, 1, 3))
                {%- for month in [
                    'jan', 'feb', 'mar', 'apr', 'may', 'jun',
                    'jul', 'aug', 'sep', 'oct', 'nov', 'dec'
                ] %}
                when '{{ month }}' then {{ loop.index }}
                {%- endfor %}
            end,
            extract(month from try_cast(value_text as date))
        ) as integer) as month_number
    from attributes

),

-- A fiscal year ends every year: of a month on its last day, of a date that was recorded then.
year_ends as (

    select
        account_id,
        source,
        {{ add_days(dbt.dateadd('month', 'month_number', "cast('2000-01-01' as date)"), -1) }}
            as ends_on,
        2000 as from_year,
        valid_from,
        valid_to
    from months
    where month_number is not null

    union all

    select
        account_id, source, ends_on, extract(year from ends_on), valid_from, valid_to
    from stated
    where window_type = 'fiscal_year_end'

),

years_ahead as (

    select calendar_year from years
    union
    select calendar_year + 1 from years

),

dated_year_ends as (

    select
        year_ends.account_id,
        year_ends.source,
        cast({{ dbt.dateadd(
            'year', 'years_ahead.calendar_year - year_ends.from_year', 'year_ends.ends_on'
        ) }} as date) as ends_on,
        year_ends.valid_from,
        year_ends.valid_to
    from year_ends
    cross join years_ahead

),

-- A contract that another one of the same product follows has no end to talk about, from the day
-- the other one is known.
renewals as (

    select
        contracts.account_id,
        contracts.contract_id,
        contracts.valid_from,
        min(followers.valid_from) as renewed_from
    from contracts
    inner join contracts as followers
        on
            contracts.account_id = followers.account_id
            and contracts.contract_id != followers.contract_id
            and coalesce(contracts.product, '') = coalesce(followers.product, '')
            and contracts.ends_on < followers.ends_on
            and contracts.starts_on < followers.starts_on
            and contracts.valid_from < followers.valid_to
            and followers.valid_from < contracts.valid_to
    group by contracts.account_id, contracts.contract_id, contracts.valid_from

),

ends as (

    select
        account_id, 'fiscal_year_end' as window_type, source, ends_on, valid_from, valid_to
    from dated_year_ends

    union all

    select
        contracts.account_id,
        'own_contract',
        'billing',
        contracts.ends_on,
        contracts.valid_from,
        least(contracts.valid_to, coalesce(renewals.renewed_from, contracts.valid_to))
    from contracts
    left join renewals
        on
            contracts.account_id = renewals.account_id
            and contracts.contract_id = renewals.contract_id
            and contracts.valid_from = renewals.valid_from
    where contracts.ends_on < {{ add_days(forever(), -1) }}

)

select
    account_id, window_type, source, effect, starts_on, ends_on, true as decides_timing,
    false as is_worked_out, valid_from, valid_to
from stated
where window_type != 'fiscal_year_end'

union all

select
    ends.account_id,
    ends.window_type,
    ends.source,
    'open' as effect,
    {{ add_days('ends.ends_on', '-rules.opens_days_before') }} as starts_on,
    ends.ends_on,
    rules.decides_timing,
    true as is_worked_out,
    ends.valid_from,
    ends.valid_to
from ends
inner join rules on ends.window_type = rules.window_type and ends.source = rules.source
where ends.valid_from < ends.valid_to
