with owner_rows as (

    {{ rows_of_sources('owners', [
        'owner_id', 'owner_name', 'role_id', 'department', 'title', 'is_active', 'version_at',
        'is_first_load', 'known_date'
    ]) }}

),

owners as (

    select
        owner_id, owner_name, role_id, department, title, is_active, version_at,
        case
            when is_first_load and {{ var('backfill_first_load') }} then cast('1900-01-01' as date)
            else known_date
        end as valid_from
    from owner_rows

),

-- Roles and teams are renamed, not reused: the name first known holds.
roles as (

    {% for source in sources_of('roles') %}
    select role_id, min_by(role_name, known_date) as role_name
    from {{ ref(source.model) }}
    {%- if not source.is_on %}
    where 1 = 0
    {%- endif %}
    group by role_id
    {%- if not loop.last %}
    union all
    {%- endif %}
    {% endfor %}

),

owner_roles as (

    {% for source in sources_of('owner_roles') %}
    select owner_id, max_by(role_id, case when is_primary then 1 else 0 end) as role_id
    from {{ ref(source.model) }}
    {%- if not source.is_on %}
    where 1 = 0
    {%- endif %}
    group by owner_id
    {%- if not loop.last %}
    union all
    {%- endif %}
    {% endfor %}

),

functions as (

    select * from {{ ref('owner_functions') }}

),

in_force as (

    {{ versions_in_force('owners', 'owner_id') }}

),

described as (

    select
        in_force.*,
        roles.role_name,
        ' ' || lower(regexp_replace(
            concat_ws(' ', roles.role_name, in_force.department, in_force.title),
            '[^[:alnum:]]+', ' ', 'g'
        )) || ' ' as words
    from in_force
    left join owner_roles on in_force.owner_id = owner_roles.owner_id
    left join roles on coalesce(in_force.role_id, owner_roles.role_id) = roles.role_id

),

judged as (

    select
        described.*,
        functions.function_name,
        row_number() over (
            partition by described.owner_id, described.valid_from order by functions.rule_rank
        ) as rule_order
    from described
    left join functions on described.words like functions.pattern

)

select
    owner_id,
    owner_name,
    role_name,
    function_name,
    is_active,
    valid_from,
    valid_to
from judged
where rule_order = 1
