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
        when alpha is null then 'No answer was rated by two coders, so nothing can be said.'
        when units < {{ var('agreement_min_units') }}
            then 'Too few answers were rated by two coders to say anything.'
        when alpha >= {{ var('agreement_min_alpha') }} then 'Coders agree well enough.'
        else
            'Coders rate the same answers differently: agree on what each rating means'
            || ' (docs/interview-guide.md) before more is rated.'
    end as note
from agreement
