{{ config(materialized='view') }}

{{ rows_of_sources('accounts', [
    'source_rank',
    'crm_account_id', 'source_system', 'source_instance', 'account_name', 'website_domain',
    'other_domains', 'industry', 'employees', 'revenue', 'currency_code', 'country',
    'parent_crm_account_id', 'account_type', 'owner_id', 'master_crm_account_id',
    'merged_crm_account_ids', 'synced_crm_account_id', 'record_type_id', 'is_person', 'is_deleted', 'custom_fields',
    'delivery_date', 'created_date', 'version_at', 'is_first_load', 'known_date'
]) }}
