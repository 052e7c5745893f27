with persona_spans as (

    select * from {{ ref('int_persona_spans') }}
    where {{ end_date() }} >= valid_from and {{ end_date() }} < valid_to and is_required

),

accounts as (

    select account_id, as_of_date from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

)

select
    accounts.account_id,
    accounts.as_of_date,
    persona_spans.persona,
    persona_spans.decision_role,
    persona_spans.required_people,
    persona_spans.filed_people as expected_people,
    persona_spans.reached_people,
    persona_spans.engaged_people,
    persona_spans.filed_share as covered_share,
    persona_spans.reached_share as reached_covered_share,
    persona_spans.engaged_share as engaged_covered_share,
    persona_spans.filed_share < {{ var('persona_covered_min_share') }} as is_whitespace
from accounts
inner join persona_spans on accounts.account_id = persona_spans.account_id
