with agreement as (

    select * from {{ ref('stg_scores__coder_agreement') }}
    where as_of_date = {{ end_date() }}

)

select
    as_of_date,
    dimension,
    alpha,
    units,
    ratings,
    coders,
    case
        when alpha is null or units < {{ var('agreement_min_units') }} then null
        else alpha >= {{ var('agreement_min_alpha') }}
    end as is_reliable,
    case
        when alpha is null
            then 'No answer was rated by two people, so nobody can tell whether they agree.'
        when units < {{ var('agreement_min_units') }}
            then 'Too few answers were rated by two people to tell whether they agree.'
        when alpha >= {{ var('agreement_min_alpha') }}
            then 'Different people rate the same answer alike, often enough to rely on it.'
        else
            'Different people rate the same answer differently: agree on what each rating means'
            || ' (docs/interview-guide.md) before more is rated.'
    end as note
from agreement
