-- Guards: on every day and segment the five drivers sum to target_gap, attributed and primary
-- alike, exactly; the four of fitting accounts to icp_gap; poor_fit is what lies between; sole
-- blockers are never more than primaries. Also that no day or segment stands in one mart only.
-- Does not guard: that an account has the right driver (unit test gap_drivers_of_a_day).
with sums as (

    select
        as_of_date,
        segment_type,
        segment_value,
        sum(attributed_accounts) as attributed,
        sum(primary_accounts) as primaries,
        sum(case when driver != 'poor_fit' then attributed_accounts end) as fitting,
        sum(case when driver = 'poor_fit' then attributed_accounts end) as poor_fit,
        sum(case when sole_blocker_accounts > primary_accounts then 1 else 0 end) as wrong_soles
    from {{ ref('activation_gap_drivers') }}
    group by as_of_date, segment_type, segment_value

)

select
    gap.as_of_date,
    gap.segment_type,
    gap.segment_value,
    gap.target_gap,
    gap.icp_gap,
    sums.attributed
from {{ ref('activation_gap') }} as gap
full outer join sums
    on
        gap.as_of_date = sums.as_of_date
        and gap.segment_type = sums.segment_type
        and gap.segment_value = sums.segment_value
where gap.target_gap is distinct from sums.attributed
    or gap.target_gap is distinct from sums.primaries
    or gap.icp_gap is distinct from sums.fitting
    or gap.target_gap - gap.icp_gap is distinct from sums.poor_fit
    or sums.wrong_soles > 0
