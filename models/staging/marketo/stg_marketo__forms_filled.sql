with source as (

    select * from {{ source('marketo', 'activity_fill_out_form') }}
    where _status = 'accepted'

)

select
    'marketo' as source_system,
    _instance as source_instance,
    'activity_fill_out_form' as source_table,
    'marketo:' || {{ record_id('id') }} as act_id,
    'marketo:' || {{ record_id('lead_id') }} as record_id,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    cast(null as {{ dbt.type_string() }}) as domain,
    cast(null as {{ dbt.type_string() }}) as campaign_id,
    'activity_fill_out_form' as activity_kind,
    cast(null as {{ dbt.type_string() }}) as activity_subkind,
    cast(null as {{ dbt.type_string() }}) as disposition,
    primary_attribute_value as subject,
    {{ to_day('activity_date') }} as occurred_date,
    true as is_done,
    false as is_deleted,
    cast(null as {{ dbt.type_string() }}) as owner_id,
    1 as quantity,
    {{ to_day('activity_date') }} as created_date,
    activity_date as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('activity_date')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
