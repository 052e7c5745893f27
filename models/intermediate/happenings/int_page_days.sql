{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns',
    pre_hook={
        'sql': "{% if is_incremental() %}
            delete from {{ this }} where mapping_version is distinct from (
                {{ page_mapping(ref('page_types')) }}
            )
        {% endif %}",
        'transaction': false
    }
) }}

with page_types as (

    select * from {{ ref('page_types') }}

),

new_pages as (

    select * from {{ ref('stg_segment__pages') }}
    -- The first delivered version of an act stands: a page sent again is no second visit.
    where version_number = 1
    {%- if is_incremental() %}
        and load_id > (select coalesce(max(load_id), 0) from {{ this }})  -- noqa: RF02
    {%- endif %}

),

-- Until the next page of the visit. Nobody knows how long the last one was looked at: it counts for
-- nothing, and so does a visit of one page.
read_pages as (

    select
        new_pages.*,
        {{ dbt.datediff('happened_at', '(lead(happened_at) over visits)', 'second') }}
            as seconds_to_next
    from new_pages
    window visits as (
        partition by anonymous_id, occurred_date, known_date order by happened_at, page_view_id
    )

),

page_paths as (

    select
        paths.page_path,
        page_types.activity_type,
        row_number() over (partition by paths.page_path order by page_types.rule_rank) as rule_order
    from (select distinct page_path from new_pages) as paths
    inner join page_types on paths.page_path like page_types.path_pattern

),

-- Nobody reads page after page in a few seconds each, or dozens of pages on one day.
bot_days as (

    select anonymous_id, occurred_date, known_date
    from new_pages
    group by anonymous_id, occurred_date, known_date
    having
        count(*) >= {{ var('bot_min_daily_pages') }}
        or (
            count(*) >= {{ var('bot_min_fast_pages') }}
            and {{ dbt.datediff('min(version_at)', 'max(version_at)', 'second') }}
            < {{ var('bot_max_seconds_a_page') }} * (count(*) - 1)
        )

),

typed as (

    select
        read_pages.known_date,
        read_pages.occurred_date,
        read_pages.anonymous_id as identity,
        coalesce(read_pages.ip, '') as fallback_identity,
        case when bot_days.anonymous_id is null then page_paths.activity_type else 'bot_page' end
            as activity_type,
        case
            when read_pages.seconds_to_next <= {{ var('visit_pause_minutes') }} * 60
                then read_pages.seconds_to_next
            else 0
        end as visit_seconds,
        read_pages.load_id
    from read_pages
    inner join page_paths
        on read_pages.page_path = page_paths.page_path and page_paths.rule_order = 1
    left join bot_days
        on
            read_pages.anonymous_id = bot_days.anonymous_id
            and read_pages.occurred_date = bot_days.occurred_date
            and read_pages.known_date = bot_days.known_date

),

rolled_up as (

    select
        known_date,
        occurred_date,
        identity,
        fallback_identity,
        activity_type,
        load_id,
        count(*) as quantity,
        cast(sum(visit_seconds) as bigint) as visit_seconds
    from typed
    group by known_date, occurred_date, identity, fallback_identity, activity_type, load_id

),

mapping as (

    {{ page_mapping('page_types') }}

)

select
    rolled_up.*,
    mapping.mapping_version
from rolled_up
cross join mapping
