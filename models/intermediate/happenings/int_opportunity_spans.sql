select
    crm_opportunity_id,
    account_id,
    valid_from,
    valid_to,
    stage_name,
    outcome,
    is_committed,
    is_mapped,
    stage_changed_date,
    close_date,
    is_inferred,
    opportunity_type,
    owner_id,
    currency_code,
    amount,
    annual_amount_usd,
    is_renewal
from {{ ref('int_deal_spans') }}
where account_id is not null
