-- Guards: the domains that people write into seeds have the form in which ingestion keeps domains
-- (lower case, no www, no path, international names as xn--...); others would never match anything.
-- Does not guard: that a domain is the registrable part of its host, which takes the public suffix
-- list; orchestration/rules/checks.py refuses others before dbt runs.
select domain, 'domain_owner_overrides' as seed
from {{ ref('domain_owner_overrides') }}
where not regexp_matches(domain, '^[a-z0-9][a-z0-9.-]*[.][a-z0-9-]+$') or domain like 'www.%'

union all

select domain, 'excluded_domains'
from {{ ref('excluded_domains') }}
-- Of endings that nobody can register the ending itself is kept: `invalid` of acme.com.invalid.
where not (kind = 'reserved' and regexp_matches(domain, '^[a-z]+$')) and (
    not regexp_matches(domain, '^[a-z0-9][a-z0-9.-]*[.][a-z0-9-]+$') or domain like 'www.%'
)

union all

select domain, 'own_domains'
from {{ ref('own_domains') }}
where not regexp_matches(domain, '^[a-z0-9][a-z0-9.-]*[.][a-z0-9-]+$') or domain like 'www.%'

union all

select domain, 'account_exclusions'
from {{ ref('account_exclusions') }}
where not regexp_matches(domain, '^[a-z0-9][a-z0-9.-]*[.][a-z0-9-]+$') or domain like 'www.%'
