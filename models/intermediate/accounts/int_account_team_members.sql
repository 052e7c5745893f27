with team_rows as (

    {{ rows_of_sources('account_teams', [
        'team_member_id', 'source_system', 'source_instance', 'crm_account_id', 'owner_id',
        'team_role', 'is_deleted', 'created_date', 'version_at', 'is_first_load', 'known_date'
    ]) }}

),

-- That a member was taken off is an outcome: it counts from the day it was known.
versions as (

    select
        team_member_id, crm_account_id, owner_id, team_role, is_deleted, version_at,
        {{ backfilled_from('created_date', 'not is_deleted') }} as valid_from
    from team_rows

),

in_force as (

    {{ versions_in_force('versions', 'team_member_id') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

profiles as (

    select account_id, owner_id from {{ ref('int_account_profiles') }}
    where owner_id is not null and {{ on_last_day() }}

),

owners as (

    select * from {{ ref('int_owners') }}
    where {{ on_last_day() }}

),

members as (

    select survivors.account_id, in_force.owner_id, in_force.team_role
    from in_force
    inner join survivors on in_force.crm_account_id = survivors.crm_account_id
    where not in_force.is_deleted and {{ on_last_day('in_force.') }}

    union

    select account_id, owner_id, null
    from profiles

),

role_words as (

    select
        team_role,
        ' ' || lower(regexp_replace(team_role, '[^[:alnum:]]+', ' ', 'g')) || ' ' as words
    from members
    where team_role is not null
    group by team_role

),

-- The words of the role say the function as those of a user's own role do, by the same rules.
roles as (

    select
        role_words.team_role,
        case
            when
                {%- for word in var('executive_role_words') %}
                role_words.words like '% {{ word }} %'{{ ' or' if not loop.last }}
                {%- endfor %}
                then 'executive'
            else min_by(functions.function_name, functions.rule_rank)
        end as function_name
    from role_words
    left join {{ ref('owner_functions') }} as functions on role_words.words like functions.pattern
    group by role_words.team_role, role_words.words

),

team as (

    select
        members.account_id,
        members.owner_id as member_id,
        coalesce(owners.owner_name, members.owner_id) as member_name,
        coalesce(roles.function_name, owners.function_name, 'unknown') as function_name,
        -- The account's own owner is on its team, whether the CRM lists them there or not.
        string_agg(distinct members.team_role, ', ' order by members.team_role) as team_roles,
        coalesce(max(case when owners.is_active then 1 else 0 end) = 1, false) as is_active
    from members
    left join owners on members.owner_id = owners.owner_id
    left join roles on members.team_role = roles.team_role
    group by
        members.account_id, members.owner_id, owners.owner_name,
        coalesce(roles.function_name, owners.function_name, 'unknown')

),

-- Of a CRM that never delivered a member, nobody knows who is on its teams.
team_sources as (

    select distinct source_system, source_instance
    from team_rows
    where known_date <= {{ end_date() }}

),

accounts_with_teams as (

    select distinct survivors.account_id
    from {{ ref('int_account_versions') }} as records
    inner join team_sources
        on
            records.source_system = team_sources.source_system
            and records.source_instance = team_sources.source_instance
    inner join survivors on records.crm_account_id = survivors.crm_account_id
    where not records.is_deleted and {{ on_last_day('records.') }}

)

select
    coalesce(team.account_id, accounts_with_teams.account_id) as account_id,
    team.member_id,
    team.member_name,
    team.function_name,
    team.team_roles,
    team.is_active,
    accounts_with_teams.account_id is not null as is_team_known
from team
full outer join accounts_with_teams on team.account_id = accounts_with_teams.account_id
