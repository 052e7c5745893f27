-- Guards: every account of the target list on the latest day is in `accounts` as a target, and
-- every account mart that has a row per account has exactly the accounts of `accounts`.
-- Does not guard: targets that the list names by something we cannot read (quarantine).
{%- set marts = [
    'account_activation', 'account_fit', 'account_signals', 'account_coverage', 'account_readiness',
    'account_decisions', 'account_effort'
] %}
select listed.account_id, 'accounts' as missing_in
from {{ ref('int_target_accounts') }} as listed
left join {{ ref('accounts') }} as accounts
    on listed.account_id = accounts.account_id and accounts.is_target
left join {{ ref('int_account_versions') }} as excluded
    on listed.account_id = excluded.crm_account_id and excluded.is_excluded
where {{ on_last_day('listed.') }}
    and accounts.account_id is null
    and excluded.crm_account_id is null
{% for mart in marts %}
union all

select coalesce(accounts.account_id, mart.account_id), '{{ mart }}'
from {{ ref('accounts') }} as accounts
full outer join {{ ref(mart) }} as mart
    on accounts.account_id = mart.account_id and accounts.as_of_date = mart.as_of_date
where accounts.account_id is null or mart.account_id is null
{% endfor %}
