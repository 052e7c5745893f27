{#- Which delivered rows count on the last day: what the models of models/intermediate/audit share. The
    reasons, in the order in which they are looked at, are those of the seed row_fates. -#}

{#- Whether a delivered row is the version in force on the last day of what `key` names. -#}
{% macro is_newest(key) -%}
    row_number() over (
        partition by {{ key | join(', ') }}
        order by
            case when known_date <= {{ end_date() }} then 0 else 1 end,
            version_at desc,
            file_path desc,
            file_row desc
    ) = 1
{%- endmacro %}

{#- The reasons that any row can have, as the first branches of a case. -#}
{% macro reasons_of_versions(prefix='') -%}
    when {{ prefix }}known_date > {{ end_date() }} then 'not yet known'
    when not {{ prefix }}is_newest then 'superseded by a later version'
{%- endmacro %}

{#- Why a row that names an account by id, domain or both counts for none; null if it counts. Looks at
    `accounts` and `domains`, two joins of int_known_ids. Where the id is named the domain is not asked,
    unless `or_domain`. -#}
{% macro reason_of_account(crm_account_id, domain, or_domain=false) -%}
    case
        when accounts.account_id is not null then null
        {%- if or_domain %}
        when domains.account_id is not null then null
        {%- else %}
        when {{ crm_account_id }} is null and domains.account_id is not null then null
        {%- endif %}
        when {{ crm_account_id }} is null and {{ domain }} is null then 'no account'
        when accounts.id is not null then 'account left out'
        else 'account unknown'
    end
{%- endmacro %}
