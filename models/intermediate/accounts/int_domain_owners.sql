with claims as (

    select * from {{ ref('int_domain_claims') }}
    where claim_rank = 1

),

winners as (

    {{ winning_claims(
        'claims', key=['domain'], columns=['account_id', 'claim_source', 'precedence'],
        order_by='claims.claim_rank'
    ) }}

)

select * from winners
