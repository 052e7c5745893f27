-- Guards: of each feed the activity rollup holds as many acts as its accepted rows come to on the
-- last day, one for each person, account or domain they are about: none lost, none counted twice.
-- Does not guard: what acts are worth.
with audited as (

    select feed, sum(acts) as acts
    from (
        select
            -- Page views of every instance are one feed.
            source
            || case when source_instance = 'main' or source = 'segment' then ''
                else '@' || source_instance end
            || '.' || table_name as feed,
            acts
        from {{ ref('int_row_fates') }}
        where reason is distinct from 'source switched off'
    ) as fates
    group by feed
    having sum(acts) > 0

),

rolled_up as (

    select feed, sum(quantity) as acts
    from {{ ref('int_activity_daily') }}
    where known_date <= {{ end_date() }}
    group by feed
    having sum(quantity) != 0

)

select
    coalesce(audited.feed, rolled_up.feed) as feed,
    audited.acts,
    rolled_up.acts as rolled_up_acts
from audited
full outer join rolled_up on audited.feed = rolled_up.feed
where audited.acts is distinct from rolled_up.acts
