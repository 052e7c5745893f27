with links as (

    select
        crm_account_id as record_id,
        linked_crm_account_id as linked_record_id,
        valid_from,
        valid_to
    from {{ ref('int_account_links') }}

),

-- Records known only as merged into another are records too.
records as (

    select record_id, min(valid_from) as valid_from
    from (
        select crm_account_id as record_id, valid_from from {{ ref('int_account_versions') }}
        union all
        select record_id, valid_from from links
    ) as mentions
    group by record_id

),

survivors as (

    {{ follow_links('records', 'links') }}

)

select
    record_id as crm_account_id,
    current_id as account_id,
    valid_from,
    valid_to
from survivors
