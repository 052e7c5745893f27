with source as (

    select * from {{ source('salesforce', 'account_team_member') }}
    where _status = 'accepted'

)

select
    {{ crm_id('id') }} as team_member_id,
    'salesforce' as source_system,
    _instance as source_instance,
    {{ crm_id('account_id') }} as crm_account_id,
    {{ crm_id('user_id') }} as owner_id,
    nullif(trim(team_member_role), '') as team_role,
    coalesce(is_deleted, false) as is_deleted,
    {{ to_day('created_date') }} as created_date,
    _version_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('_version_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
