-- Contact x day would be hundreds of millions of rows: month ends and the latest day are enough to
-- see how a database fills and decays.
with target_days as (

    select * from {{ ref('int_account_gap_days') }}
    where is_target and (is_month_end or as_of_date = {{ end_date() }})

),

person_spans as (

    select * from {{ ref('int_person_spans') }}
    where absence_reason is distinct from 'deleted'

)

select
    target_days.as_of_date,
    target_days.account_id,
    person_spans.absence_reason,
    person_spans.months_since_verified,
    count(*) as people,
    sum(case when person_spans.is_contactable then 1 else 0 end) as contactable_people,
    sum(case when person_spans.is_mapped then 0 else 1 end) as unmapped_people,
    sum(cast(round(person_spans.presence_probability * 1000000) as bigint)) as expected_people_e6
from target_days
inner join person_spans
    on
        target_days.account_id = person_spans.account_id
        and target_days.as_of_date >= person_spans.valid_from
        and target_days.as_of_date < person_spans.valid_to
group by
    target_days.as_of_date,
    target_days.account_id,
    person_spans.absence_reason,
    person_spans.months_since_verified
