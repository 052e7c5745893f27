with source as (

    select * from {{ source('landing', 'quarantine') }}

)

select
    source,
    table_name,
    instance as source_instance,
    file as file_path,
    row_number as file_row,
    column_name,
    cause,
    reason,
    delivery_day as delivery_date
from source
