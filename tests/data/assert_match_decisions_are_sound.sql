-- Guards: a decision is about two accounts, its span is not empty, and no two decisions about the
-- same pair and relation hold on the same day.
-- Does not guard: whether the ids exist, or whether the accepted parents circle.
with decisions as (

    select
        left_crm_account_id,
        right_crm_account_id,
        relation,
        case
            when relation = 'parent' then left_crm_account_id
            else least(left_crm_account_id, right_crm_account_id)
        end as first_id,
        case
            when relation = 'parent' then right_crm_account_id
            else greatest(left_crm_account_id, right_crm_account_id)
        end as second_id,
        valid_from,
        coalesce(valid_to, {{ forever() }}) as valid_to,
        row_number() over (
            order by left_crm_account_id, right_crm_account_id, relation, valid_from, decision
        ) as decision_number
    from {{ ref('match_decisions') }}

)

select
    left_crm_account_id, right_crm_account_id, relation, valid_from, 'not about a pair' as fault
from decisions
where left_crm_account_id = right_crm_account_id

union all

select left_crm_account_id, right_crm_account_id, relation, valid_from, 'holds on no day'
from decisions
where valid_to <= valid_from

union all

select
    decisions.left_crm_account_id,
    decisions.right_crm_account_id,
    decisions.relation,
    decisions.valid_from,
    'decided twice'
from decisions
inner join decisions as others
    on
        decisions.first_id = others.first_id
        and decisions.second_id = others.second_id
        and decisions.relation = others.relation
        and decisions.decision_number < others.decision_number
        and decisions.valid_from < others.valid_to
        and others.valid_from < decisions.valid_to
