-- A day's counts are acts of three kinds; a day that is restated is a new version of them. A row
-- without any count stands as one of impressions.
with source as (

    select * from {{ source('linkedin_ads', 'company_engagement') }}
    where _status = 'accepted'

)

{% for count, kind in [
    ('impressions', 'ad_impression'), ('clicks', 'ad_click'), ('leads', 'ad_lead')
] %}
select
    'linkedin_ads' as source_system,
    _instance as source_instance,
    'company_engagement' as source_table,
    'linkedin_ads:{{ count }}:' || cast(source.date as {{ dbt.type_string() }}) || ':'
    || company_domain || ':' || coalesce(campaign_id, '') as act_id,
    cast(null as {{ dbt.type_string() }}) as record_id,
    cast(null as {{ dbt.type_string() }}) as crm_account_id,
    company_domain_registrable as domain,
    campaign_id,
    '{{ kind }}' as activity_kind,
    cast(null as {{ dbt.type_string() }}) as activity_subkind,
    cast(null as {{ dbt.type_string() }}) as disposition,
    cast(null as {{ dbt.type_string() }}) as subject,
    source.date as occurred_date,
    {{ count }} > 0 as is_done,
    false as is_deleted,
    cast(null as {{ dbt.type_string() }}) as owner_id,
    cast({{ count }} as integer) as quantity,
    source.date as created_date,
    cast(_delivery_day as timestamp) as version_at,
    _is_first_load as is_first_load,
    {{ known_date('source.date') }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
where {{ count }} is not null
{%- if count == 'impressions' %} or (clicks is null and leads is null){% endif %}
{{ 'union all' if not loop.last }}
{% endfor %}
