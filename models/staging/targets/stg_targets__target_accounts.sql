with source as (

    select * from {{ source('targets', 'target_accounts') }}
    where _status = 'accepted'

)

select
    domain_registrable as domain,
    case when crm_account_id is not null then {{ crm_id('crm_account_id') }} end as crm_account_id,
    {{ name_or_null('account_name') }} as account_name,
    nullif(trim(tier), '') as target_tier,
    programme_id,
    selection_basis,
    selected_by,
    listed_on,
    programme_start_date,
    removed_on,
    recorded_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('recorded_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
