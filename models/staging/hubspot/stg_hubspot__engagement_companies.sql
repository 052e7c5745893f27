with source as (

    select * from {{ source('hubspot', 'engagement_company') }}
    where _status = 'accepted'

)

select
    'hubspot' as source_system,
    {{ record_id('engagement_id') }} as act_id,
    cast(null as {{ dbt.type_string() }}) as record_id,
    {{ record_id('company_id') }} as crm_account_id,
    coalesce(fivetran_deleted, false) as is_deleted,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
