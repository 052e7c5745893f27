-- Guards: an exclusion names somebody and holds on some day; a person is named by an id or a hash
-- and never by an address, which is not shown here either.
-- Does not guard: that whoever is named is known (review_items lists who is not), or that a domain
-- is the registrable part of its host, which is refused before dbt runs.
select 'account_exclusions' as seed, valid_from, decided_by, 'names nobody' as fault
from {{ ref('account_exclusions') }}
where domain is null and crm_account_id is null

union all

select 'account_exclusions', valid_from, decided_by, 'holds on no day'
from {{ ref('account_exclusions') }}
where valid_to <= valid_from

union all

select 'contact_exclusions', valid_from, decided_by, 'names nobody'
from {{ ref('contact_exclusions') }}
where crm_person_id is null and email_sha256 is null

union all

select 'contact_exclusions', valid_from, decided_by, 'holds on no day'
from {{ ref('contact_exclusions') }}
where valid_to <= valid_from

union all

select
    'contact_exclusions', valid_from, decided_by,
    'crm_person_id is an address: write its SHA-256 into email_sha256'
from {{ ref('contact_exclusions') }}
where crm_person_id like '%@%'

union all

select
    'contact_exclusions', valid_from, decided_by,
    'email_sha256 is no SHA-256 of 64 hexadecimal digits'
from {{ ref('contact_exclusions') }}
where not regexp_matches(lower(email_sha256), '^[0-9a-f]{64}$')
