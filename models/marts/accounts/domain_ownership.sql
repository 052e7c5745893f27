with claims as (

    select * from {{ ref('int_domain_claims') }}
    where valid_from <= {{ end_date() }}

),

excluded as (

    select * from {{ ref('int_stated_domain_claims') }}
    where excluded_as is not null
        and {{ on_last_day() }}

),

accounts as (

    select * from {{ ref('accounts') }}

),

-- An account that claims a domain twice in the same way, as after a merge, claims it once.
first_claims as (

    select
        domain,
        account_id,
        claim_source,
        valid_from,
        valid_to,
        min(claim_rank) as claim_rank
    from claims
    group by domain, account_id, claim_source, valid_from, valid_to

),

-- Claims are cut wherever another one begins or ends; a stretch goes on while its rank is the same.
stretches as (

    select
        first_claims.*,
        case
            when valid_from = lag(valid_to) over claim and claim_rank = lag(claim_rank) over claim
                then 0
            else 1
        end as is_change
    from first_claims
    window claim as (partition by domain, account_id, claim_source order by valid_from)

),

spans as (

    select
        stretches.*,
        sum(is_change) over (
            partition by domain, account_id, claim_source order by valid_from
            rows between unbounded preceding and current row
        ) as span_number
    from stretches

),

standing as (

    select
        domain,
        account_id,
        claim_source,
        claim_rank,
        cast(null as {{ dbt.type_string() }}) as excluded_as,
        min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from spans
    group by domain, account_id, claim_source, claim_rank, span_number
    having max(valid_to) > {{ end_date() }}

    union all

    select
        domain, account_id, claim_source, null, excluded_as, min(valid_from), max(valid_to)
    from excluded
    group by domain, account_id, claim_source, excluded_as

),

-- A target named by the domain means whoever owns it, and enrichment takes what nobody else claims.
claimants as (

    select
        domain,
        count(distinct case
            when claim_source not in ('target_by_domain', 'enrichment') then account_id
        end) as accounts
    from standing
    group by domain

)

select
    standing.domain,
    standing.account_id,
    {{ end_date() }} as as_of_date,
    accounts.account_name,
    standing.claim_source,
    cast(standing.claim_rank as bigint) as claim_rank,
    coalesce(standing.claim_rank = 1, false) as is_owner,
    claimants.accounts > 1 as is_contested,
    standing.excluded_as,
    standing.valid_from,
    nullif(standing.valid_to, {{ forever() }}) as valid_to
from standing
inner join claimants on standing.domain = claimants.domain
left join accounts on standing.account_id = accounts.account_id
