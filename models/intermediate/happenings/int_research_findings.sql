{%- set kept = [
    'source_type', 'role', 'is_role_known', 'respondent_role', 'account_named', 'respondent', 'coder',
    'rating', 'revisit_on', 'pressure_type', 'deadline_on', 'constraint_type', 'held_on', 'finding_id'
] -%}

with findings as (

    select * from {{ ref('int_stated_findings') }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}

),

-- The account is the one whose id is named, else the owner of the domain, else that of the contact.
resolved as (

    select
        coalesce(
            survivors.account_id, domain_owners.account_id, findings.contact_account_id
        ) as account_id,
        findings.finding_id,
        findings.interview_id,
        findings.source_type,
        findings.dimension,
        findings.respondent,
        findings.role,
        findings.is_role_known,
        findings.respondent_role,
        coalesce(findings.crm_account_id, findings.domain) as account_named,
        findings.coder,
        findings.rating,
        findings.revisit_on,
        findings.pressure_type,
        findings.deadline_on,
        findings.constraint_type,
        findings.held_on,
        greatest(
            findings.valid_from,
            findings.held_on,
            coalesce(survivors.valid_from, domain_owners.valid_from, findings.valid_from)
        ) as valid_from,
        least(
            findings.valid_to,
            coalesce(survivors.valid_to, domain_owners.valid_to, findings.valid_to)
        ) as valid_to
    from findings
    left join survivors
        on
            findings.crm_account_id = survivors.crm_account_id
            and findings.valid_from < survivors.valid_to
            and survivors.valid_from < findings.valid_to
    -- A condition on one side of a join alone would make it a loop over both.
    left join domain_owners
        on
            case when survivors.account_id is null then findings.domain end = domain_owners.domain
            and findings.valid_from < domain_owners.valid_to
            and domain_owners.valid_from < findings.valid_to

),

-- What nobody can place counts for no account, and stands as a row of its own.
placed as (

    select *, coalesce(account_id, '') as account_key
    from resolved
    where valid_from < valid_to

),

-- Several findings of one conversation about one dimension, be it by two coders or by two
-- questions, are one answer and share its weight, for as long as each is known.
stretches as (

    {{ rank_claims(
        'placed', key=['account_key', 'interview_id', 'dimension'], columns=kept,
        order_by='placed.finding_id'
    ) }}

),

shared as (

    select
        *,
        count(*) over (
            partition by account_key, interview_id, dimension, valid_from
        ) as findings_of_answer
    from stretches

)

select
    nullif(shared.account_key, '') as account_id,
    shared.finding_id,
    shared.interview_id,
    shared.source_type,
    shared.dimension,
    shared.respondent,
    shared.role,
    shared.is_role_known,
    shared.respondent_role,
    shared.account_named,
    shared.coder,
    shared.rating,
    shared.revisit_on,
    shared.pressure_type,
    shared.deadline_on,
    shared.constraint_type,
    shared.held_on,
    cast(round(
        1000000.0 * research_sources.weight_share * role_relevance.relevance_share
        / shared.findings_of_answer
    ) as bigint) as weight_millionths,
    shared.valid_from,
    shared.valid_to
from shared
inner join {{ ref('research_sources') }} as research_sources
    on shared.source_type = research_sources.source_type
inner join {{ ref('role_relevance') }} as role_relevance
    on shared.role = role_relevance.role and shared.dimension = role_relevance.dimension
