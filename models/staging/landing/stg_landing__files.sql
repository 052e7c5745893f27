with source as (

    select * from {{ source('landing', 'files') }}

)

select
    file as file_path,
    source,
    table_name,
    instance as source_instance,
    delivery_day as delivery_date,
    is_first_load,
    is_late,
    status,
    delivered,
    accepted,
    duplicate,
    conflicting,
    quarantined,
    coalesce(left_out, 0) as left_out,
    rewritten,
    rewrites,
    reason
from source
