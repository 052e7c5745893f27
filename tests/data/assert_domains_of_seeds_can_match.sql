-- Guards: the domains that people write into seeds have the form in which ingestion keeps domains
-- (lower case, no www, no path, international names as xn--...); others would never match anything;
-- and that an exclusion names somebody.
-- Does not guard: that a domain is the registrable part of its host, which takes the public suffix
-- list.
select domain, 'domain_owner_overrides' as seed
from {{ ref('domain_owner_overrides') }}
where not regexp_matches(domain, '^[a-z0-9][a-z0-9.-]*[.][a-z0-9-]+$') or domain like 'www.%'

union all

select domain, 'excluded_domains'
from {{ ref('excluded_domains') }}
where not regexp_matches(domain, '^[a-z0-9][a-z0-9.-]*[.][a-z0-9-]+$') or domain like 'www.%'

union all

select domain, 'account_exclusions'
from {{ ref('account_exclusions') }}
where not regexp_matches(domain, '^[a-z0-9][a-z0-9.-]*[.][a-z0-9-]+$') or domain like 'www.%'

union all

select decided_by || ' excluded nobody', 'account_exclusions'
from {{ ref('account_exclusions') }}
where domain is null and crm_account_id is null

union all

select decided_by || ' excluded nobody', 'contact_exclusions'
from {{ ref('contact_exclusions') }}
where crm_person_id is null and email_sha256 is null
