with account_companies as (

    select * from {{ ref('int_account_companies') }}

),

companies as (

    select * from {{ ref('int_company_spans') }}

),

accounts as (

    select * from {{ ref('int_accounts') }}

),

claims as (

    select
        account_companies.company_key,
        account_companies.account_id,
        account_companies.match_rank,
        account_companies.precedence,
        account_companies.claim_rank,
        greatest(account_companies.valid_from, accounts.valid_from) as valid_from,
        least(account_companies.valid_to, accounts.valid_to) as valid_to
    from account_companies
    inner join accounts
        on
            account_companies.account_id = accounts.account_id
            and account_companies.valid_from < accounts.valid_to
            and accounts.valid_from < account_companies.valid_to

    union all

    -- A record that its provider withdrew stands for no account.
    select company_key, null, 0, 0, 0, valid_from, valid_to
    from companies
    where standing = 'withdrawn'

),

winners as (

    {{ winning_claims(
        'claims', key=['company_key'], columns=['account_id'],
        order_by='claims.match_rank, claims.precedence, claims.claim_rank, claims.account_id'
    ) }}

)

select
    company_key,
    account_id,
    valid_from,
    valid_to
from winners
where account_id is not null
