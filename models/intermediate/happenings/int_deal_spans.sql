with stage_spans as (

    select * from {{ ref('int_opportunity_stages') }}

),

opportunities as (

    select
        *,
        row_number() over (partition by crm_opportunity_id order by version_at) as version_order
    from {{ ref('int_crm_opportunities') }}

),

opportunity_accounts as (

    {{ rows_of_sources('opportunity_accounts', [
        'crm_opportunity_id', 'crm_account_id', 'association_type', 'is_primary', 'is_deleted',
        'version_at', 'is_first_load', 'known_date'
    ]) }}

),

renewal_types as (

    select * from {{ ref('renewal_types') }}

),

exclusions as (

    select * from {{ ref('record_exclusions') }}
    where record_kind = 'opportunity'

),

currency_rates as (

    select * from {{ ref('int_currency_rates') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

first_versions as (

    select
        *,
        {{ backfilled_from('least(created_date, known_date)') }} as valid_from
    from opportunities
    where version_order = 1

),

-- What an older version that is delivered later says of its creation changes no day before.
creations as (

    select crm_opportunity_id, created_date
    from (
        select
            crm_opportunity_id,
            created_date,
            row_number() over (
                partition by crm_opportunity_id
                order by
                    case when created_date is null then 1 else 0 end,
                    known_date,
                    version_at
            ) as knowledge_order
        from opportunities
    ) as ordered
    where knowledge_order = 1

),

-- Links (type, owner, currency) hold from creation in the first load; the version in force
-- otherwise.
link_versions as (

    select
        crm_opportunity_id, version_at, opportunity_name, source_system, opportunity_type, owner_id,
        currency_code, is_excluded,
        {{ backfilled_from('least(created_date, known_date)', 'version_order = 1') }}
            as valid_from
    from (
        select
            opportunities.*,
            exists(
                select 1 from exclusions
                where lower(opportunities.opportunity_name) like exclusions.pattern
            ) as is_excluded
        from opportunities
    ) as named

),

links_in_force as (

    {{ versions_in_force('link_versions', 'crm_opportunity_id') }}

),

account_versions as (

    select
        crm_opportunity_id, version_at, crm_account_id,
        {{ backfilled_from('least(created_date, known_date)', 'version_order = 1') }}
            as valid_from
    from opportunities

),

own_accounts as (

    {{ versions_in_force('account_versions', 'crm_opportunity_id') }}

),

associations as (

    select
        opportunity_accounts.crm_opportunity_id,
        opportunity_accounts.crm_account_id,
        opportunity_accounts.association_type,
        opportunity_accounts.is_primary,
        coalesce(opportunity_accounts.is_deleted, false) as is_deleted,
        opportunity_accounts.version_at,
        {{ backfilled_from(
            'least(first_versions.created_date, opportunity_accounts.known_date)',
            prefix='opportunity_accounts.'
        ) }} as valid_from
    from opportunity_accounts
    inner join first_versions
        on opportunity_accounts.crm_opportunity_id = first_versions.crm_opportunity_id

),

association_versions as (

    select
        associations.*,
        lead(is_deleted, 1, false) over association as is_ended,
        lead(valid_from) over association as next_valid_from
    from associations
    window association as (
        partition by crm_opportunity_id, crm_account_id, association_type
        order by version_at, valid_from
    )

),

-- An association holds until it is taken away. A deal has one primary company: who is named one
-- later takes the place of the one before.
associated_spans as (

    select
        association_versions.*,
        least(
            case when is_ended then next_valid_from else {{ forever() }} end,
            case
                when is_primary
                    then coalesce(
                        lead(valid_from) over (
                            partition by crm_opportunity_id, is_primary
                            order by version_at, crm_account_id
                        ), {{ forever() }}
                    )
                else {{ forever() }}
            end
        ) as valid_to
    from association_versions
    where not is_deleted

),

-- Where accounts come by a table of associations: the primary one, else the one associated first.
account_claims as (

    select
        crm_opportunity_id, crm_account_id, 1 as precedence, '' as tie_break, valid_from, valid_to
    from own_accounts
    where crm_account_id is not null

    union all

    select
        crm_opportunity_id,
        crm_account_id,
        case when is_primary then 2 else 3 end,
        cast(version_at as {{ dbt.type_string() }}),
        valid_from,
        valid_to
    from associated_spans
    where valid_from < valid_to

),

-- Whose record that is on each day. A deal that names nobody, or somebody unknown, is a deal all
-- the same: it stands under no account for as long.
resolved_claims as (

    select
        account_claims.crm_opportunity_id,
        survivors.account_id,
        true as is_account_named,
        account_claims.precedence,
        account_claims.tie_break,
        account_claims.crm_account_id,
        greatest(account_claims.valid_from, survivors.valid_from) as valid_from,
        least(account_claims.valid_to, survivors.valid_to) as valid_to
    from account_claims
    inner join survivors
        on
            account_claims.crm_account_id = survivors.crm_account_id
            and account_claims.valid_from < survivors.valid_to
            and survivors.valid_from < account_claims.valid_to

    union all

    select crm_opportunity_id, null, true, 4, '', '', valid_from, valid_to
    from account_claims

    union all

    select crm_opportunity_id, null, false, 5, '', '', valid_from, {{ forever() }}
    from first_versions

),

accounts_in_force as (

    {{ winning_claims(
        'resolved_claims', key=['crm_opportunity_id'], columns=['account_id', 'is_account_named'],
        order_by='''resolved_claims.precedence, resolved_claims.tie_break,
            resolved_claims.crm_account_id'''
    ) }}

)

select
    stage_spans.crm_opportunity_id,
    accounts_in_force.account_id,
    accounts_in_force.is_account_named,
    greatest(stage_spans.valid_from, links_in_force.valid_from, accounts_in_force.valid_from)
        as valid_from,
    least(stage_spans.valid_to, links_in_force.valid_to, accounts_in_force.valid_to) as valid_to,
    links_in_force.source_system,
    links_in_force.opportunity_name,
    creations.created_date,
    stage_spans.stage_name,
    stage_spans.stage_rank,
    stage_spans.outcome,
    stage_spans.is_committed,
    stage_spans.is_mapped,
    stage_spans.stage_changed_date,
    stage_spans.close_date,
    stage_spans.is_inferred,
    links_in_force.opportunity_type,
    links_in_force.owner_id,
    upper(coalesce(links_in_force.currency_code, '{{ var("default_currency") }}'))
        as currency_code,
    stage_spans.amount,
    -- At the rate of the day from which the row holds.
    round(stage_spans.amount * currency_rates.usd_per_unit, 2) as amount_usd,
    round(
        stage_spans.amount * currency_rates.usd_per_unit
        * {{ 12 / var('amount_term_months') if var('amount_basis') == 'tcv' else 1 }}, 2
    ) as annual_amount_usd,
    exists(
        select 1 from renewal_types
        where lower(links_in_force.opportunity_type) like renewal_types.type_pattern
    ) as is_renewal
from stage_spans
inner join links_in_force
    on
        stage_spans.crm_opportunity_id = links_in_force.crm_opportunity_id
        and stage_spans.valid_from < links_in_force.valid_to
        and links_in_force.valid_from < stage_spans.valid_to
inner join accounts_in_force
    on
        stage_spans.crm_opportunity_id = accounts_in_force.crm_opportunity_id
        and greatest(stage_spans.valid_from, links_in_force.valid_from) < accounts_in_force.valid_to
        and accounts_in_force.valid_from < least(stage_spans.valid_to, links_in_force.valid_to)
inner join creations on stage_spans.crm_opportunity_id = creations.crm_opportunity_id
left join currency_rates
    on
        upper(coalesce(links_in_force.currency_code, '{{ var("default_currency") }}'))
        = currency_rates.currency_code
        and stage_spans.valid_from >= currency_rates.valid_from
        and stage_spans.valid_from < currency_rates.valid_to
where not links_in_force.is_excluded
