with source as (

    select * from {{ source('intent_coverage', 'domains') }}
    where _status = 'accepted'

)

select
    lower(provider) as provider,
    domain_registrable as domain,
    seen_on,
    {{ known_date('seen_on') }} as known_date,
    _load_id as load_id,
    _file as file_path,
    _row as file_row
from source
