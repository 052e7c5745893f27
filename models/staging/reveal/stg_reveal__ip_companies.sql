with source as (

    select * from {{ source('reveal', 'ip_companies') }}
    where _status = 'accepted'

)

select
    ip,
    domain_registrable as domain,
    case replace(lower(trim(confidence)), ' ', '_')
        {%- for word, share in var('resolver_confidence_shares').items() %}
        when '{{ word }}' then {{ share }}
        {%- endfor %}
        else try_cast(confidence as double)
    end as confidence_share,
    resolved_at as version_at,
    _is_first_load as is_first_load,
    {{ known_date(to_day('resolved_at')) }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
