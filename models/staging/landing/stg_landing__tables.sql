with source as (

    select * from {{ source('landing', 'tables') }}

)

select
    source,
    table_name,
    has_landed,
    array_to_string(missing_optional_columns, ', ') as missing_optional_columns,
    array_to_string(lost_columns, ', ') as lost_columns,
    -- Null where all of the table is read.
    array_to_string(unread_models, ', ') as unread_models,
    array_to_string(unread_flags, ', ') as unread_flags,
    features
from source
