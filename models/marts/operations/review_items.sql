with opportunities as (

    select * from {{ ref('int_deal_spans') }}
    where valid_from <= {{ end_date() }}

),

intent_scores as (

    select * from {{ ref('int_intent_scores') }}
    where known_date <= {{ end_date() }}
        and report_date > {{ add_days(end_date(), -var('buying_signal_days')) }}

),

delivered_spend as (

    select * from {{ ref('stg_spend__daily') }}
    where known_date <= {{ end_date() }} and spend_date <= {{ end_date() }}

),

spend as (

    {{ spend_with_totals('delivered_spend') }}

),

domain_claims as (

    select * from {{ ref('int_domain_claims') }}
    where {{ on_last_day() }}

),

account_versions as (

    select * from {{ ref('int_account_versions') }}
    where {{ on_last_day() }}

),

known_records as (

    select distinct crm_account_id from {{ ref('int_account_versions') }}
    where valid_from <= {{ end_date() }}

),

survivors as (

    select * from {{ ref('int_account_survivors') }}
    where {{ on_last_day() }}

),

domain_owners as (

    select * from {{ ref('int_domain_owners') }}
    where {{ on_last_day() }}

),

person_records as (

    select record_id, email from {{ ref('int_person_records') }}
    where valid_from <= {{ end_date() }}

),

-- Who an account's contacts are in the end: an address under two accounts is one person, of one.
contacts_elsewhere as (

    select
        records.account_id,
        people.account_id as other_account_id,
        count(distinct records.person_id) as people
    from {{ ref('int_person_records') }} as records
    inner join {{ ref('int_people') }} as people
        on
            records.person_id = people.person_id
            and {{ on_last_day('people.') }}
    where {{ on_last_day('records.') }}
        and records.precedence = 1 and records.is_present
        and records.account_id != people.account_id
    group by records.account_id, people.account_id

),

account_exclusions as (

    select domain, {{ long_id('crm_account_id') }} as crm_account_id
    from {{ ref('account_exclusions') }}
    where {{ end_date() }} >= valid_from
        and {{ end_date() }} < coalesce(valid_to, {{ forever() }})

),

contact_exclusions as (

    select {{ long_id('crm_person_id') }} as record_id, lower(email_sha256) as email_sha256
    from {{ ref('contact_exclusions') }}
    where {{ end_date() }} >= valid_from
        and {{ end_date() }} < coalesce(valid_to, {{ forever() }})

),

-- The records that people name in seeds about identity.
seed_ids as (

    select
        '{{ rule_file("identity/match_decisions") }}' as rule_file,
        left_crm_account_id as crm_account_id,
        valid_from
    from {{ ref('int_match_decisions') }}
    union all
    select
        '{{ rule_file("identity/match_decisions") }}', right_crm_account_id, valid_from
    from {{ ref('int_match_decisions') }}
    union all
    select
        '{{ rule_file("identity/domain_owner_overrides") }}',
        {{ long_id('crm_account_id') }},
        valid_from
    from {{ ref('domain_owner_overrides') }}

),

-- What people name in seeds and nobody has: an exclusion of it leaves nobody alone. An address
-- never shows, and of its hash only as much as finds the row.
unknown_names as (

    select seed_ids.rule_file, seed_ids.crm_account_id as item
    from seed_ids
    left join known_records on seed_ids.crm_account_id = known_records.crm_account_id
    where known_records.crm_account_id is null and seed_ids.valid_from <= {{ end_date() }}

    union all

    select '{{ rule_file("plays/account_exclusions") }}', account_exclusions.crm_account_id
    from account_exclusions
    left join survivors on account_exclusions.crm_account_id = survivors.crm_account_id
    where account_exclusions.crm_account_id is not null and survivors.crm_account_id is null

    union all

    select '{{ rule_file("plays/account_exclusions") }}', account_exclusions.domain
    from account_exclusions
    left join domain_owners on account_exclusions.domain = domain_owners.domain
    where account_exclusions.domain is not null and domain_owners.domain is null

    union all

    select '{{ rule_file("plays/contact_exclusions") }}', contact_exclusions.record_id
    from contact_exclusions
    left join person_records on contact_exclusions.record_id = person_records.record_id
    where contact_exclusions.record_id not like '%@%' and person_records.record_id is null

    union all

    select
        '{{ rule_file("plays/contact_exclusions") }}',
        'hash ' || substring(contact_exclusions.email_sha256, 1, 8)
    from contact_exclusions
    left join person_records
        on
            contact_exclusions.email_sha256
            = {{ sha256_hex('lower(trim(person_records.email))') }}
    where contact_exclusions.email_sha256 is not null and person_records.email is null

),

outcomes as (

    select * from {{ ref('int_play_outcomes') }}

),

research_findings as (

    select * from {{ ref('int_research_findings') }}
    where {{ on_last_day() }}

),

-- Findings are counted once a conversation that is known.
known_interviews as (

    select distinct interview_id from {{ ref('stg_research__interviews') }}
    where known_date <= {{ end_date() }}

),

refused_answers as (

    select
        case fault
            when 'unknown_account' then 'a submission'
            when 'nothing_rated' then 'a submission'
            else question
        end as item,
        fault,
        'Form '
        || coalesce(nullif(split_part(split_part(file, '/', 1), '@', 2), ''), 'main')
        || ': ' as place
    from {{ ref('int_survey_answers') }}
    where fault is not null and known_date <= {{ end_date() }}

    union all

    select coalesce(dimension, 'a call'), fault, 'CRM field: '
    from {{ ref('int_crm_findings') }}
    where fault is not null and known_date <= {{ end_date() }}

),

coder_agreement as (

    select * from {{ ref('coder_agreement') }}

),

accounts as (

    select * from {{ ref('accounts') }}

),

hierarchy as (

    select * from {{ ref('int_account_hierarchy') }}

),

known_industries as (

    select distinct industry from {{ ref('industry_names') }}

),

excluded_domains as (

    select * from {{ ref('int_excluded_domains') }}

),

company_statuses as (

    select * from {{ ref('company_statuses') }}

),

company_relationship_types as (

    select * from {{ ref('company_relationship_types') }}

),

-- What the register says, with the rows that ingestion put aside because they conflict.
companies as (

    select
        *,
        rank() over (partition by record_key order by version_at desc) as version_age,
        max(company_id) over (partition by domain) is not null as is_domain_of_ids
    from {{ ref('stg_firmographics__companies') }}
    where known_date <= {{ end_date() }}

),

relationships as (

    select * from {{ ref('stg_firmographics__relationships') }}
    where known_date <= {{ end_date() }}

),

-- A company is known by its id, and where the provider has none by its name.
website_companies as (

    select distinct
        domain,
        coalesce(company_id, {{ plain_name('company_name') }}) as company,
        company_name
    from companies
    where domain is not null and version_age = 1
        and (company_id is not null or not is_domain_of_ids)

),

targets_by_domain as (

    select distinct domain, {{ plain_name('account_name') }} as plain_name
    from {{ ref('int_target_memberships') }}
    where crm_account_id is null
        and {{ on_last_day() }}

),

items as (

    select
        'unmapped_stage' as item_type,
        stage_name as item,
        count(distinct crm_opportunity_id) as occurrences,
        'Add the stage to {{ rule_file("activation/opportunity_stages") }}; until then its deals'
        || ' count as not committed.'
            as remedy
    from opportunities
    -- Before its first known stage a deal has none, and nothing can be mapped.
    where not is_mapped and stage_name is not null
    group by stage_name

    union all

    select
        'currency_without_rate', currency_code, count(distinct crm_opportunity_id),
        'Add the currency to {{ rule_file("opportunities/currency_rates") }}; until then its'
        || ' deals have no value.'
    from opportunities
    where amount is not null and annual_amount_usd is null
    group by currency_code

    union all

    -- A total cannot be smaller than its parts. One that is their sum does not count (load_audit).
    select
        'spend_of_account_and_total',
        channel || ', ' || coalesce('campaign ' || campaign_id, 'no campaign'),
        count(*),
        'A row without an account is as large as the rows of accounts of that day, or larger, and'
        || ' both count. If it is their total, deliver in it only what belongs to no account. If it'
        || ' is what belongs to none: nothing. This item stays while such rows are there.'
    from spend
    where crm_account_id is null and spend_usd >= account_spend_usd and not is_total
    group by channel, campaign_id

    union all

    select
        'unknown_intent_provider', provider, count(*),
        'Say in {{ rule_file("signals/intent_providers") }} how its scores are to be read; until'
        || ' then they count for nothing.'
    from intent_scores
    where not is_known_provider
    group by provider

    union all

    -- Enrichment alone contests nothing: it takes what nobody else claims. What a person decided
    -- is settled, unless two decisions contradict each other.
    select
        'contested_domain',
        losers.domain || ': claimed by '
        || coalesce(losing_accounts.account_name || ' ', '')
        || losers.account_id || ' (' || losers.claim_source || '), given to '
        || coalesce(accounts.account_name || ' ', '')
        || winners.account_id || ' (' || winners.claim_source || ')',
        1,
        'Say who owns the domain in {{ rule_file("identity/domain_owner_overrides") }}, or correct'
        || ' the CRM.'
    from domain_claims as losers
    inner join domain_claims as winners
        on losers.domain = winners.domain and winners.claim_rank = 1
    left join accounts on winners.account_id = accounts.account_id
    left join accounts as losing_accounts on losers.account_id = losing_accounts.account_id
    left join targets_by_domain on losers.domain = targets_by_domain.domain
    where losers.claim_rank > 1 and losers.account_id != winners.account_id
        and losers.claim_source != 'enrichment'
        and (winners.claim_source != 'override' or losers.claim_source = 'override')
        -- A target named by its domain is meant to be the CRM account with that website; only
        -- another name makes that doubtful.
        and (
            losers.claim_source != 'target_by_domain'
            or targets_by_domain.plain_name != {{ plain_name('accounts.account_name') }}
        )
    group by
        losers.domain,
        losers.account_id,
        losers.claim_source,
        losing_accounts.account_name,
        winners.account_id,
        winners.claim_source,
        accounts.account_name

    union all

    select
        'contact_of_two_accounts',
        coalesce(accounts.account_name || ' ', '') || contacts_elsewhere.account_id
        || ' has contacts who count for '
        || coalesce(other_accounts.account_name || ' ', '') || contacts_elsewhere.other_account_id,
        contacts_elsewhere.people,
        'Their addresses stand under both accounts, and a person counts for one: delete these'
        || ' people''s contact records under the account where they do not work, or correct their'
        || ' addresses.'
    from contacts_elsewhere
    left join accounts on contacts_elsewhere.account_id = accounts.account_id
    left join accounts as other_accounts
        on contacts_elsewhere.other_account_id = other_accounts.account_id

    union all

    select
        'unknown_country', country, count(*),
        'Add the name to {{ rule_file("identity/country_names") }}; until then its accounts have no'
        || ' region.'
    from accounts
    where country is not null and region is null
    group by country

    union all

    -- Spelled in its one way already; of a few accounts it may be a slip.
    select
        'unknown_industry', accounts.industry, count(*),
        'Add it to {{ rule_file("identity/industry_names") }} with the industry that it belongs to,'
        || ' or with its own name where none fits; until then it counts as an industry of its own.'
    from accounts
    left join known_industries
        on accounts.industry = known_industries.industry
    where accounts.industry is not null and known_industries.industry is null
    group by accounts.industry
    having count(*) >= {{ var('unknown_industry_min_accounts') }}

    union all

    select
        'shared_website',
        website_companies.domain || ': '
        || string_agg(
            distinct coalesce(website_companies.company_name, website_companies.company), ', '
            order by coalesce(website_companies.company_name, website_companies.company)
        ),
        count(distinct website_companies.company),
        'If they are several companies, give each account its company''s name, or the register''s'
        || ' company id in a CRM field that is named in {{ rule_file("identity/custom_fields") }}.'
        || ' If they are one, there is nothing to do. This item stays while the register has them'
        || ' under one website.'
    from website_companies
    left join excluded_domains on website_companies.domain = excluded_domains.domain
    where excluded_domains.domain is null
    group by website_companies.domain
    having count(distinct website_companies.company) > 1

    union all

    select
        'succeeded_account',
        accounts.account_name || ' ' || accounts.account_id || ' was succeeded by '
        || successors.account_name || ' ' || successors.account_id,
        1,
        'The old one is no longer a company of its own: merge the two in the CRM. If you keep both,'
        || ' this item stays.'
    from hierarchy
    inner join accounts on hierarchy.account_id = accounts.account_id
    inner join accounts as successors on hierarchy.successor_account_id = successors.account_id

    union all

    select
        'unmapped_company_status', companies.status, count(distinct companies.company_key),
        'Add the status to {{ rule_file("hierarchy/company_statuses") }}; until then it is ignored.'
    from companies
    left join company_statuses on companies.status = company_statuses.status
    where companies.status is not null and company_statuses.status is null
    group by companies.status

    union all

    select
        'unmapped_relationship_type', relationships.relationship_type, count(*),
        'Add the type to {{ rule_file("hierarchy/company_relationship_types") }}; until then it is'
        || ' ignored.'
    from relationships
    left join company_relationship_types
        on relationships.relationship_type = company_relationship_types.relationship_type
    where company_relationship_types.relationship_type is null
    group by relationships.relationship_type

    union all

    select
        'missing_parent', account_versions.parent_crm_account_id, count(*),
        'Deliver the parent account, or correct the parent in the CRM.'
    from account_versions
    left join account_versions as parents
        on account_versions.parent_crm_account_id = parents.crm_account_id
    where account_versions.parent_crm_account_id is not null and parents.crm_account_id is null
        and not account_versions.is_deleted
    group by account_versions.parent_crm_account_id

    union all

    -- They are there on every day that is asked for, also on those before they came into being.
    select
        'account_without_created_date',
        {{ system_name() }},
        count(*),
        'Without a creation date they count from the first day on: the gap of today is right, that'
        || ' of days before they were created is too large. A date that comes in later files'
        || ' mends no day. To mend the past, put the dates into the files of the first delivery,'
        || ' move WAREHOUSE_PATH and PUBLISHED_DIR away and run make refresh START_DATE=...'
        || ' to compute all days again.'
    from account_versions
    where is_start_assumed and not is_deleted
    group by source_system, source_instance

    union all

    select
        'hierarchy_cycle',
        accounts.account_name || ' ' || accounts.account_id,
        hierarchy.circle_accounts,
        'Correct the parents in the CRM, or reject one in'
        || ' {{ rule_file("identity/match_decisions") }}; until then the account with the smallest'
        || ' id counts as the topmost parent.'
    from hierarchy
    inner join accounts on hierarchy.account_id = accounts.account_id
    where hierarchy.is_cut and hierarchy.circle_accounts is not null

    union all

    select
        'unknown_account_in_seed',
        item,
        count(*),
        'No known account or person has this id, domain or address, so the row that names it has no'
        || ' effect (an exclusion excludes nobody): correct the row in '
        || string_agg(distinct rule_file, ' and ' order by rule_file) || '.'
    from unknown_names
    group by item

    union all

    select
        'unknown_account_of_play', account_named, count(*),
        'No known account has this id or domain, so its outcomes are not counted: correct it in the'
        || ' system that delivers plays/outcomes.'
    from outcomes
    where is_unknown_account
    group by account_named

    union all

    select
        'unknown_play', play_id, count(*),
        'Its outcomes are not counted: correct it in the system that delivers plays/outcomes, or'
        || ' add it to {{ rule_file("plays/plays") }}; plays that are no longer in use may'
        || ' stay there.'
    from outcomes
    where is_unknown_play
    group by play_id

    union all

    select
        'unknown_play_status', status, count(*),
        'It is not counted: plays/outcomes may say assigned, accepted, dismissed or done.'
    from outcomes
    where is_unknown_status
    group by status

    union all

    select
        'unknown_play_result', result, count(*),
        'Say in {{ rule_file("plays/play_results") }} whether it is a success; until then nobody'
        || ' knows.'
    from outcomes
    where is_unknown_result
    group by result

    union all

    -- Whom it was said by stays where research comes from.
    select
        'unknown_account_of_research',
        coalesce(account_named, 'neither id nor domain'),
        count(distinct interview_id),
        'No known account has this id or domain, so what was said there counts for no account:'
        || ' correct it in the system that delivers the research.'
    from research_findings
    where account_id is null
    group by account_named

    union all

    select
        'research_to_come', source_type || ' of ' || cast(held_on as {{ dbt.type_string() }}),
        count(distinct interview_id),
        'It counts from that day on; if it has been held already, correct the date in the system'
        || ' that delivers it.'
    from {{ ref('int_research_findings') }}
    where held_on > {{ end_date() }}
    group by source_type, held_on

    union all

    select
        'finding_without_interview', findings.interview_id, count(*),
        'Its findings count for nothing: deliver the interview (research/interviews), or correct'
        || ' interview_id in research/findings.'
    from {{ ref('stg_research__findings') }} as findings
    left join known_interviews on findings.interview_id = known_interviews.interview_id
    where findings.delivery_date <= {{ end_date() }} and known_interviews.interview_id is null
    group by findings.interview_id

    union all

    select
        'unknown_respondent_role', respondent_role, count(distinct interview_id),
        'Their answers count as those of an unknown role: write the role as personas.csv has it, or'
        || ' add it to {{ rule_file("coverage/persona_roles") }}.'
    from research_findings
    where not is_role_known
        and respondent_role not like '%@%'
        and length({{ digits_of('respondent_role') }}) < {{ var('title_max_digits') }}
    group by respondent_role

    union all

    select
        'refused_research_answer',
        place || item || ' (' || replace(fault, '_', ' ') || ')',
        count(*),
        case fault
            when 'unknown_question'
                then 'Say in {{ rule_file("research/survey_questions") }} what it asks about, or'
                    || ' write ignore there.'
            when 'unknown_account'
                then 'Nobody can tell the account: ask for the company or a work'
                    || ' email address.'
            when 'nothing_rated' then 'There are words and no rating: add the rating.'
            else
                case
                    when place like 'Form%'
                        then 'Say in {{ rule_file("research/survey_answers") }} what the answer'
                            || ' means, or correct it in the form; file and row are in'
                            || ' intermediate.int_survey_answers of the warehouse.'
                    else
                        'Correct it in the CRM: ratings are 0 to 4, words those of'
                        || ' docs/interview-guide.md; the calls are in'
                        || ' intermediate.int_crm_findings of the warehouse.'
                end
        end
    from refused_answers
    group by place, item, fault

    union all

    -- What only the company can know, and nobody has said.
    select
        'rule_not_set',
        rule,
        1,
        'Say ' || decides || '; until then ' || until_then || '. '
        || case when set_by = 'proposed'
            then 'A proposal waits: read RULES_DIR/proposed/' || rule || '.csv, then run make init'
                || ' ACCEPT=' || rule || '.'
            when is_proposable then 'The command make init proposes it from your data.'
            else 'Write RULES_DIR/' || rule || '.csv; the command make init does not propose it.'
        end
    from {{ ref('company_rules') }}
    where set_by != 'company'

    union all

    select
        'icp_differs',
        attribute || ': ' || replace(function_name, '_', ' ') || ' and '
            || replace(other_function, '_', ' '),
        accounts_moved,
        what_to_do
    from {{ ref('icp_alignment') }}
    where status = 'differ'

    union all

    -- What a person may miss: the rows of a table that count for nothing for one reason.
    select
        'lost_rows',
        {{ feed_name(source='source', table='table_name') }} || ': ' || reason,
        row_count,
        coalesce(remedy || '. ', '') || coalesce('See ' || example_file
            || coalesce(', row ' || cast(example_row as {{ dbt.type_string() }}), '') || '.', '')
    from {{ ref('load_audit') }}
    where is_loss
        and (share >= {{ var('lost_rows_min_share') }} or reason = 'no reason found')

    union all

    select
        'coders_disagree', dimension, units,
        'Agreement (Krippendorff''s alpha) is ' || {{ in_words('alpha', 2) }} || ', under '
        || '{{ var("agreement_min_alpha") }}: agree on what each rating means'
        || ' (docs/interview-guide.md).'
    from coder_agreement
    where not is_reliable

    union all

    select
        'hierarchy_too_deep', 'more than {{ var('hierarchy_max_depth') }} steps', count(*),
        'Correct the parents in the CRM; until then these accounts count as without a parent.'
    from hierarchy
    where is_cut and circle_accounts is null
    having count(*) > 0

)

select
    {{ end_date() }} as as_of_date,
    item_type,
    item,
    cast(occurrences as bigint) as occurrences,
    remedy
from items
