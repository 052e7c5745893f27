with field_changes as (

    select * from {{ ref('crm_field_changes') }}
    where destination = 'salesforce'

),

feed as (

    select * from {{ ref('account_change_feed') }}

)

{{ changed_records('field_changes', 'feed', record_id='salesforce_account_id') }}
