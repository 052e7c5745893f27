with owner_rows as (

    {{ rows_of_sources('owners', [
        'owner_id', 'owner_name', 'role_id', 'department', 'title', 'is_active', 'source_system',
        'source_instance', 'version_at', 'is_first_load', 'known_date'
    ]) }}

),

owners as (

    select
        owner_id, owner_name, role_id, department, title, is_active, version_at,
        {{ system_name() }} as crm,
        {{ backfilled_from(ever_since()) }} as valid_from
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

-- Who else had the name by then: of two who come one after the other the later one is told apart,
-- so that no day changes by who came after it.
namesakes as (

    select
        *,
        min(owner_id) over of_name != max(owner_id) over of_name as is_shared_name,
        min(owner_id) over of_crm != max(owner_id) over of_crm as is_shared_in_crm
    from in_force
    window
        of_name as (partition by lower(owner_name) order by valid_from),
        of_crm as (partition by lower(owner_name), crm order by valid_from)

),

described as (

    select
        namesakes.*,
        roles.role_name,
        ' ' || lower(regexp_replace(
            concat_ws(' ', roles.role_name, namesakes.department, namesakes.title),
            '[^[:alnum:]]+', ' ', 'g'
        )) || ' ' as words
    from namesakes
    left join owner_roles on namesakes.owner_id = owner_roles.owner_id
    left join roles on coalesce(namesakes.role_id, owner_roles.role_id) = roles.role_id

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
    owner_name || case
        when is_shared_in_crm then ' (' || crm || ' ' || owner_id || ')'
        when is_shared_name then ' (' || crm || ')'
        else ''
    end as owner_name,
    role_name,
    function_name,
    is_active,
    valid_from,
    valid_to
from judged
where rule_order = 1
