{{ config(materialized='view') }}

with clicks as (

    {{ rows_of_sources('mail_clicks', [
        'source_system', 'act_id', 'record_id', 'mail', 'link', 'delivered_on', 'version_at',
        'known_date'
    ]) }}

),

deliveries as (

    {{ rows_of_sources('mail_deliveries', [
        'source_system', 'record_id', 'mail', 'delivered_on', 'version_at', 'known_date'
    ]) }}

),

-- A click is judged by what was there when it counted, on both clocks: known by then, so that a day
-- looks no further than itself, and delivered by then, so that a later file changes nothing.
mail_links as (

    select
        source_system,
        mail,
        link,
        delivered_on,
        min(known_date) as known_date
    from clicks
    where mail is not null and link is not null
    group by source_system, mail, link, delivered_on

),

-- Mails of which one person's clicks, known at once, follow many links, and the links known of it.
followed_mails as (

    select
        followed.source_system,
        followed.record_id,
        followed.mail,
        followed.known_date,
        followed.delivered_on,
        followed.links,
        count(distinct mail_links.link) as known_links
    from (
        select
            source_system, record_id, mail, known_date, delivered_on,
            count(distinct link) as links
        from clicks
        group by source_system, record_id, mail, known_date, delivered_on
        having count(distinct link) >= {{ var('scanner_min_links') }}
    ) as followed
    inner join mail_links
        on
            followed.source_system = mail_links.source_system
            and followed.mail = mail_links.mail
            and followed.known_date >= mail_links.known_date
            and followed.delivered_on >= mail_links.delivered_on
    group by
        followed.source_system, followed.record_id, followed.mail, followed.known_date,
        followed.delivered_on, followed.links

)

select
    clicks.source_system,
    clicks.act_id
from clicks
inner join deliveries
    on
        clicks.source_system = deliveries.source_system
        and clicks.record_id = deliveries.record_id
        and clicks.mail = deliveries.mail
        and clicks.known_date >= deliveries.known_date
        and clicks.delivered_on >= deliveries.delivered_on
where
    abs({{ dbt.datediff('deliveries.version_at', 'clicks.version_at', 'second') }})
    <= {{ var('scanner_max_seconds') }}

union

select
    clicks.source_system,
    clicks.act_id
from clicks
inner join followed_mails
    on
        clicks.source_system = followed_mails.source_system
        and clicks.record_id = followed_mails.record_id
        and clicks.mail = followed_mails.mail
        and clicks.known_date = followed_mails.known_date
        and clicks.delivered_on = followed_mails.delivered_on
where followed_mails.links >= {{ var('scanner_min_link_share') }} * followed_mails.known_links
