-- Guards, for every week and segment: opening_gap + list_began + listed - removed - activated +
-- cooled + rule_or_identity_change = closing_gap; a week opens where the one before closed, in the
-- first one on the first stored day; and closing_gap is activation_gap.target_gap of its last day.
-- Does not guard: that a movement has the right kind (unit tests of account_gap_movements).
with movements as (

    select * from {{ ref('activation_gap_movements') }}

),

gap as (

    select * from {{ ref('activation_gap') }}

),

weeks as (

    select
        week_start_date,
        lag(week_start_date) over (order by week_start_date) as week_before
    from (select distinct week_start_date from movements) as week_starts

),

compared as (

    select
        movements.*,
        coalesce(gap.target_gap, 0) as target_gap,
        case
            when weeks.week_before is null then movements.opening_gap
            else coalesce(before.closing_gap, 0)
        end as gap_before
    from movements
    inner join weeks on movements.week_start_date = weeks.week_start_date
    left join movements as before
        on
            weeks.week_before = before.week_start_date
            and movements.segment_type = before.segment_type
            and movements.segment_value = before.segment_value
    left join gap
        on
            movements.as_of_date = gap.as_of_date
            and movements.segment_type = gap.segment_type
            and movements.segment_value = gap.segment_value

)

select
    week_start_date, segment_type, segment_value, opening_gap, closing_gap, gap_before, target_gap
from compared
where
    opening_gap + list_began + listed - removed - activated + cooled + rule_or_identity_change
    != closing_gap
    or opening_gap != gap_before
    or closing_gap != target_gap
