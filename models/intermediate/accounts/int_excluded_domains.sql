with excluded_domains as (

    select * from {{ ref('excluded_domains') }}

),

own_domains as (

    select * from {{ ref('own_domains') }}

)

select domain, kind from excluded_domains

union all

-- Ours, unless the list of all has the domain already: then it says why.
select own_domains.domain, 'internal'
from own_domains
left join excluded_domains on own_domains.domain = excluded_domains.domain
where excluded_domains.domain is null
