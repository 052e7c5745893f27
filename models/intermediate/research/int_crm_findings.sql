select
    cast(null as varchar) as finding_id, cast(null as varchar) as interview_id, cast(null as varchar) as source_type,
    cast(null as varchar) as coder, cast(null as varchar) as crm_contact_id, cast(null as varchar) as respondent_key,
    cast(null as varchar) as respondent_role, cast(null as varchar) as crm_account_id, cast(null as varchar) as domain,
    cast(null as varchar) as dimension, cast(null as double) as rating, cast(null as date) as revisit_on,
    cast(null as varchar) as pressure_type, cast(null as date) as deadline_on, cast(null as varchar) as constraint_type,
    cast(null as date) as held_on, cast(null as timestamp) as version_at, true as is_first_load, cast(null as date) as known_date,
    cast(null as varchar) as fault
where 1 = 0
