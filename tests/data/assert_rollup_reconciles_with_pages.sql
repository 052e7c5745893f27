-- Guards: the activity rollup holds every accepted page view once, by day of occurrence: nothing
-- lost or counted twice between loads.
-- Does not guard: CRM activities, whose counts change as versions arrive (unit tests of
-- int_activity_daily).
with pages as (

    select occurred_date, count(*) as page_views
    from {{ ref('stg_segment__pages') }}
    where version_number = 1
    group by occurred_date

),

rolled_up as (

    select occurred_date, sum(quantity) as page_views
    from {{ ref('int_activity_daily') }}
    where feed = 'segment.pages'
    group by occurred_date

)

select coalesce(pages.occurred_date, rolled_up.occurred_date) as occurred_date,
    pages.page_views, rolled_up.page_views as rolled_up_page_views
from pages
full outer join rolled_up on pages.occurred_date = rolled_up.occurred_date
where pages.page_views is distinct from rolled_up.page_views
