-- Guards: in every table of data_health what was delivered was accepted, or duplicate, or
-- conflicting, or quarantined, or left out by a mapping, and nothing else.
-- Does not guard: that the raw tables hold what the manifest says (tests/python/test_landing.py).
select source, table_name, delivered, accepted, duplicate, conflicting, quarantined, left_out
from {{ ref('data_health') }}
where delivered != accepted + duplicate + conflicting + quarantined + left_out
