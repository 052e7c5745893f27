with accounts as (

    select days.account_id, days.lifecycle, days.is_target, listings.target_tier
    from {{ ref('feat_account_days') }} as days
    left join {{ ref('int_target_accounts') }} as listings
        on days.account_id = listings.account_id and {{ on_last_day('listings.') }}
    where days.as_of_date = {{ end_date() }} and (days.is_target or days.lifecycle = 'customer')

),

names as (

    select * from {{ ref('int_account_names') }}

),

members as (

    select * from {{ ref('int_account_team_members') }}

),

known_teams as (

    select distinct account_id from members
    where is_team_known

),

rules as (

    select * from {{ ref('team_seats') }}

),

-- Of the rules of a function the first that holds for the account.
kinds as (

    select
        of_accounts.target_tier,
        of_accounts.lifecycle,
        rules.*,
        row_number() over (
            partition by of_accounts.target_tier, of_accounts.lifecycle, rules.function_name
            order by rules.rule_rank
        ) as rule_order
    from (select distinct target_tier, lifecycle from accounts) as of_accounts
    inner join rules
        on
            (
                rules.target_tier = 'any'
                or '|' || lower(rules.target_tier) || '|'
                like '%|' || lower(trim(of_accounts.target_tier)) || '|%'
            )
            and (
                rules.lifecycle = 'any'
                or '|' || rules.lifecycle || '|' like '%|' || of_accounts.lifecycle || '|%'
            )

),

seats as (

    select
        accounts.account_id,
        accounts.lifecycle,
        accounts.is_target,
        accounts.target_tier,
        kinds.function_name,
        kinds.is_needed,
        kinds.accounts_per_person,
        kinds.reason
    from accounts
    inner join kinds
        on
            accounts.lifecycle = kinds.lifecycle
            and accounts.target_tier is not distinct from kinds.target_tier
            and kinds.rule_order = 1

    union all

    -- Whose function nobody knows has a seat of its own.
    select account_id, lifecycle, is_target, target_tier, 'unknown', false, null, null
    from accounts

),

taken as (

    select
        seats.*,
        members.member_id,
        members.member_name,
        members.team_roles,
        members.is_active,
        known_teams.account_id is not null as is_team_known,
        max(case when members.is_active then 1 else 0 end) over (
            partition by seats.account_id, seats.function_name
        ) = 1 as is_taken
    from seats
    left join members
        on seats.account_id = members.account_id and seats.function_name = members.function_name
    left join known_teams on seats.account_id = known_teams.account_id
    where members.member_id is not null or seats.is_needed

),

-- How many accounts a person holds in a function: of the row's tier, and of all tiers as a share of
-- what one person can hold.
loads as (

    select
        function_name,
        member_id,
        target_tier,
        count(*) as member_accounts,
        sum(1.0 / accounts_per_person) as load_share
    from taken
    where is_active
    group by function_name, member_id, target_tier

),

all_loads as (

    select *, sum(load_share) over (partition by function_name, member_id) as member_load_share
    from loads

),

judged as (

    select
        taken.*,
        loads.member_accounts,
        round(loads.member_load_share, 6) as member_load_share,
        case when not taken.is_needed then false
            when taken.is_taken then false
            when taken.is_team_known then true
        end as is_missing
    from taken
    left join all_loads as loads
        on
            taken.function_name = loads.function_name
            -- A condition on one side of a join alone would make it a loop over both.
            and case when taken.is_active then taken.member_id end = loads.member_id
            and taken.target_tier is not distinct from loads.target_tier

)

select
    judged.account_id,
    names.account_name,
    names.owner_name,
    {{ end_date() }} as as_of_date,
    judged.is_target,
    judged.target_tier,
    judged.lifecycle,
    judged.function_name,
    judged.is_needed,
    judged.member_id,
    judged.member_name,
    judged.team_roles,
    judged.is_active,
    case
        when judged.is_active then 'filled'
        when judged.member_id is not null then 'left'
        when judged.is_missing then 'missing'
        else 'not_known'
    end as status,
    judged.is_missing,
    judged.member_accounts,
    judged.accounts_per_person as capacity_accounts,
    judged.member_load_share,
    judged.member_load_share > 1 as is_over_capacity,
    case
        when judged.is_missing and judged.member_id is not null
            then judged.member_name || ' can no longer log in to the CRM, and nobody else from '
                || replace(judged.function_name, '_', ' ') || ' is on the team'
        when judged.is_missing
            then 'Nobody from ' || replace(judged.function_name, '_', ' ') || ' is on the team'
        when judged.member_id is null
            then 'Not known: the account is in no CRM that delivered account teams'
        when not judged.is_active then judged.member_name || ' can no longer log in to the CRM'
        when judged.function_name = 'unknown'
            then 'Nobody has said in which function ' || judged.member_name || ' works: add a rule'
                || ' to {{ rule_file("signals/owner_functions") }}'
        else judged.member_name || ', ' || coalesce(judged.team_roles, 'owner of the account')
            || coalesce(
                ': has ' || {{ counted('judged.member_accounts', 'account') }}
                || coalesce(' of target tier ' || judged.target_tier, ' without a target tier')
                || '; one person can look after ' || {{ in_words('judged.accounts_per_person', 0) }}
                || ' of these. Accounts of all tiers together take '
                || {{ percent_words('judged.member_load_share') }}
                || ' of what one person can do', ''
            )
    end
    || case
        when judged.is_needed then '. Why one is needed (team_seats.csv): ' || judged.reason
        else ''
    end
    || '.' as why
from judged
left join names on judged.account_id = names.account_id
