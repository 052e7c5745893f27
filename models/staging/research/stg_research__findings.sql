with source as (

    select * from {{ source('research', 'findings') }}
    where _status = 'accepted'

)

select
    finding_id,
    interview_id,
    lower(trim(dimension)) as dimension,
    rating,
    coder,
    revisit_on,
    pressure_type,
    deadline_on,
    constraint_type,
    nullif(trim(verbatim), '') as verbatim,
    coalesce(is_retracted, false) as is_retracted,
    _is_first_load as is_first_load,
    _delivery_day as delivery_date,
    _file as file_path,
    _row as file_row
from source
