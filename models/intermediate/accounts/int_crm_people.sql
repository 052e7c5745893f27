{{ config(materialized='view') }}

{{ rows_of_sources('people', [
    'source_rank',
    'record_id', 'source_system', 'source_instance', 'record_kind', 'crm_account_id', 'email',
    'email_domain', 'other_emails', 'title', 'department', 'buying_role', 'is_bounced',
    'is_opted_out', 'is_deleted', 'linked_record_id', 'merged_record_ids', 'synced_record_id', 'created_date',
    'version_at', 'is_first_load', 'known_date'
]) }}
