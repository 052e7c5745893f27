with opportunities as (

    select * from {{ ref('int_opportunity_spans') }}
    where valid_from <= {{ end_date() }}

),

domain_claims as (

    select * from {{ ref('int_domain_claims') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

people as (

    select * from {{ ref('int_people') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

account_versions as (

    select * from {{ ref('int_account_versions') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

accounts as (

    select * from {{ ref('accounts') }}

),

targets_by_domain as (

    select distinct domain, lower(account_name) as account_name
    from {{ ref('int_target_memberships') }}
    where crm_account_id is null
        and {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to

),

items as (

    select
        'unmapped_stage' as item_type,
        coalesce(stage_name, '(none)') as item,
        count(distinct crm_opportunity_id) as occurrences,
        'Add the stage to seeds/activation/opportunity_stages.csv; until then it is not committed.'
            as remedy
    from opportunities
    where not is_mapped
    group by coalesce(stage_name, '(none)')

    union all

    select
        'contested_domain',
        losers.domain || ': ' || losers.account_id || ' (' || losers.claim_source || ') loses to '
        || winners.account_id || ' (' || winners.claim_source || ')',
        1,
        'Say who owns the domain in seeds/identity/domain_owner_overrides.csv, or correct the CRM.'
    from domain_claims as losers
    inner join domain_claims as winners
        on losers.domain = winners.domain and winners.claim_rank = 1
    left join accounts on winners.account_id = accounts.account_id
    left join targets_by_domain on losers.domain = targets_by_domain.domain
    where losers.claim_rank > 1 and losers.account_id != winners.account_id
        -- A target named by its domain is meant to be the CRM account with that website; only
        -- another name makes that doubtful.
        and (
            losers.claim_source != 'target_by_domain'
            or targets_by_domain.account_name != lower(accounts.account_name)
        )
    group by
        losers.domain,
        losers.account_id,
        losers.claim_source,
        winners.account_id,
        winners.claim_source

    union all

    select
        'unmapped_title', lower(coalesce(title, '(none)')), count(*),
        'Add a pattern to seeds/coverage/persona_titles.csv.'
    from people
    where persona is null
    group by lower(coalesce(title, '(none)'))

    union all

    select
        'missing_parent', account_versions.parent_crm_account_id, count(*),
        'Deliver the parent account, or correct parent_id in the CRM.'
    from account_versions
    left join account_versions as parents
        on account_versions.parent_crm_account_id = parents.crm_account_id
    where account_versions.parent_crm_account_id is not null and parents.crm_account_id is null
        and not account_versions.is_deleted
    group by account_versions.parent_crm_account_id

    union all

    select
        'hierarchy_cycle', accounts.account_id, 1,
        'Correct parent_id in the CRM; the smallest id of the circle stands as its top.'
    from accounts
    inner join account_versions on accounts.account_id = account_versions.crm_account_id
    inner join accounts as parents on account_versions.parent_crm_account_id = parents.account_id
    where accounts.parent_account_id is null

)

select
    {{ end_date() }} as as_of_date,
    item_type,
    item,
    cast(occurrences as bigint) as occurrences,
    remedy
from items
