-- What people inside said, in their own words: nowhere else, and of no one by name.
with findings as (

    select * from {{ ref('int_research_findings') }}
    where account_id is not null and {{ on_last_day() }}

),

-- Findings have no time of their own: what was delivered last holds, also where it takes the words
-- back.
words as (

    select
        finding_id,
        verbatim,
        row_number() over (
            partition by finding_id order by delivery_date desc, file_path desc, file_row desc
        ) as recency
    from {{ ref('stg_research__findings') }}
    where is_first_load or delivery_date <= {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

)

select
    findings.account_id,
    names.account_name,
    names.owner_name,
    {{ end_date() }} as as_of_date,
    findings.dimension,
    findings.held_on,
    findings.source_type,
    findings.role,
    findings.respondent,
    findings.rating,
    findings.interview_id,
    findings.finding_id,
    words.verbatim
from findings
inner join words on findings.finding_id = words.finding_id and words.recency = 1
left join names on findings.account_id = names.account_id
where words.verbatim is not null
