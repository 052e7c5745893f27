-- Guards: a row that was accepted counts, or has a reason. One without was lost on the way between
-- staging and the spans and rollups that marts are made from.
-- Does not guard: acts that share person, day and kind with one that counts
-- (assert_acts_are_in_the_rollup).
{{ config(severity='warn') }}

select source, table_name, source_instance, row_count, example_file, example_row
from {{ ref('load_audit') }}
where reason = 'no reason found'
