with findings as (

    select * from {{ ref('int_research_findings') }}
    where account_id is not null

)

{{ winning_claims(
    'findings', key=['account_id'], columns=['interview_id', 'held_on', 'revisit_on'],
    order_by='''findings.held_on desc, findings.revisit_on desc nulls last, findings.interview_id,
        findings.finding_id'''
) }}
