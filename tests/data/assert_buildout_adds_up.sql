-- Guards: on every day each type of segment of the database build-out splits the same accounts,
-- seats and people; whoever is on file is present or absent for one reason; no share is above what
-- it is a share of.
-- Does not guard: that the people are the right ones.
{%- set counts = [
    'target_accounts', 'present_accounts', 'accounts_with_contacts', 'required_personas',
    'present_personas', 'required_seats', 'people', 'present_people', 'unmapped_people'
] %}
with buildout as (

    select * from {{ ref('database_buildout') }}

),

types as (

    select
        as_of_date,
        segment_type,
        {%- for count in counts %}
        sum({{ count }}) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from buildout
    group by as_of_date, segment_type

)

select types.as_of_date, types.segment_type
from types
left join types as whole on types.as_of_date = whole.as_of_date and whole.segment_type = 'all'
where
    {%- for count in counts %}
    types.{{ count }} is distinct from whole.{{ count }}{{ ' or' if not loop.last }}
    {%- endfor %}

union all

select as_of_date, segment_type
from buildout
where people != present_people + bounced_people + opted_out_people + departed_people
    or present_accounts > target_accounts
    or accounts_with_contacts > target_accounts
    or present_personas > required_personas
    or expected_filled_seats > required_seats
    or contactable_people > present_people
    or expected_valid_people > present_people
    or unmapped_people > present_people
    or outdated_people > stale_people
    or stale_people > present_people
