with opportunity_roles as (

    {{ rows_of_sources('opportunity_roles', [
        'crm_opportunity_contact_role_id', 'record_id', 'role_name', 'is_deleted',
        'version_at', 'known_date'
    ]) }}

),

role_versions as (

    select
        crm_opportunity_contact_role_id, record_id, role_name, is_deleted, version_at,
        known_date as valid_from
    from opportunity_roles

),

roles_in_force as (

    {{ versions_in_force('role_versions', 'crm_opportunity_contact_role_id') }}

),

records as (

    select * from {{ ref('int_person_records') }}

),

stated_roles as (

    select
        records.person_id,
        roles_in_force.role_name as stated_role,
        greatest(records.valid_from, roles_in_force.valid_from) as valid_from,
        least(records.valid_to, roles_in_force.valid_to) as valid_to
    from roles_in_force
    inner join records
        on
            roles_in_force.record_id = records.record_id
            and roles_in_force.valid_from < records.valid_to
            and records.valid_from < roles_in_force.valid_to
    where not coalesce(roles_in_force.is_deleted, false)

    union all

    select person_id, buying_role, valid_from, valid_to
    from records
    where buying_role is not null

),

persona_roles as (

    select * from {{ ref('persona_roles') }}

),

-- One field may state several roles (BUDGET_HOLDER;CHAMPION): each is a claim of its own.
role_texts as (

    select distinct
        stated_role,
        ' ' || {{ plain_words('stated_role') }} || ' ' as role_text
    from stated_roles

),

known_roles as (

    select
        ' ' || {{ plain_words('role') }} || ' ' as role_text,
        persona,
        confidence_share
    from persona_roles

),

role_personas as (

    select role_texts.stated_role, known_roles.persona, known_roles.confidence_share
    from role_texts
    inner join known_roles on position(known_roles.role_text in role_texts.role_text) > 0

),

claims as (

    select distinct
        stated_roles.person_id,
        role_personas.persona,
        role_personas.confidence_share,
        stated_roles.valid_from,
        stated_roles.valid_to
    from stated_roles
    inner join role_personas on stated_roles.stated_role = role_personas.stated_role

)

{{ winning_claims(
    'claims', key=['person_id'], columns=['persona', 'confidence_share'],
    order_by='claims.confidence_share desc, claims.persona'
) }}
