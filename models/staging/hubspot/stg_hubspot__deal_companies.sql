with source as (

    select * from {{ source('hubspot', 'deal_company') }}
    where _status = 'accepted'

)

select
    {{ record_id('deal_id') }} as crm_opportunity_id,
    {{ record_id('company_id') }} as crm_account_id,
    type_id as association_type,
    coalesce(type_id = '5', false) as is_primary,
    coalesce(fivetran_deleted, false) as is_deleted,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
