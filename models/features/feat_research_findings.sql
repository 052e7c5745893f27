select
    account_id,
    finding_id,
    interview_id,
    dimension,
    respondent,
    coder,
    rating,
    weight_millionths,
    held_on,
    valid_from,
    valid_to
from {{ ref('int_research_findings') }}
where account_id is not null and valid_from <= {{ end_date() }}
