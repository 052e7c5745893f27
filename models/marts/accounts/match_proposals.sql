with proposals as (

    select * from {{ ref('stg_scores__match_proposals') }}
    where as_of_date = {{ end_date() }}

),

accounts as (

    select * from {{ ref('accounts') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

decisions as (

    select * from {{ ref('int_match_decisions') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < coalesce(valid_to, {{ forever() }})

),

-- A decision names CRM records; it is about the accounts they belong to on the day.
account_decisions as (

    select
        decisions.relation,
        left_survivors.account_id as left_account_id,
        right_survivors.account_id as right_account_id,
        max(decisions.decision) as decision,
        min(decisions.valid_from) as decided_on
    from decisions
    inner join survivors as left_survivors
        on decisions.left_crm_account_id = left_survivors.crm_account_id
    inner join survivors as right_survivors
        on decisions.right_crm_account_id = right_survivors.crm_account_id
    group by decisions.relation, left_survivors.account_id, right_survivors.account_id

),

-- A pair of duplicates is the same in either order; of a child and its parent the child is left.
directed as (

    select relation, left_account_id, right_account_id, decision, decided_on
    from account_decisions
    union all
    select relation, right_account_id, left_account_id, decision, decided_on
    from account_decisions
    where relation = 'duplicate'

),

-- Where two decisions meet on one pair of accounts, a rejection goes first.
decided as (

    select
        relation,
        left_account_id,
        right_account_id,
        max(decision) as decision,
        min(decided_on) as decided_on
    from directed
    group by relation, left_account_id, right_account_id

)

select
    proposals.as_of_date,
    proposals.left_account_id,
    left_accounts.account_name as left_account_name,
    proposals.right_account_id,
    right_accounts.account_name as right_account_name,
    proposals.proposal_type,
    proposals.probability_share,
    proposals.match_weight_bits,
    proposals.evidence,
    case decided.decision
        when 'accept' then 'accepted'
        when 'reject' then 'rejected'
        else 'open'
    end as decision,
    decided.decided_on,
    proposals.ruleset_version
from proposals
inner join accounts as left_accounts on proposals.left_account_id = left_accounts.account_id
inner join accounts as right_accounts on proposals.right_account_id = right_accounts.account_id
left join decided
    on
        proposals.proposal_type = decided.relation
        and proposals.left_account_id = decided.left_account_id
        and proposals.right_account_id = decided.right_account_id
