with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ end_date() }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

criteria as (

    select * from {{ ref('fit_criteria') }}
    where {{ end_date() }} >= coalesce(valid_from, {{ end_date() }})
        and {{ end_date() }} < coalesce(valid_to, {{ forever() }})

),

fit_spans as (

    select * from {{ ref('int_fit_spans') }}
    where {{ on_last_day() }}

),

evaluated as (

    select
        features.account_id,
        names.account_name,
        names.owner_name,
        features.as_of_date,
        criteria.criterion,
        criteria.weight,
        criteria.is_must_not,
        fit_spans.account_id is not null as is_known,
        coalesce(fit_spans.is_match, false) as is_match,
        fit_spans.value_text as known_value,
        sum(case when fit_spans.account_id is not null and not criteria.is_must_not
            then criteria.weight else 0 end) over (partition by features.account_id) as known_weight
    from features
    cross join criteria
    left join names on features.account_id = names.account_id
    left join fit_spans
        on
            features.account_id = fit_spans.account_id
            and criteria.criterion = fit_spans.criterion

)

select
    account_id,
    account_name,
    owner_name,
    as_of_date,
    criterion,
    is_known,
    is_match,
    is_must_not,
    known_value,
    case
        when is_match and not is_must_not then 100.0 * weight / nullif(known_weight, 0)
        else 0.0
    end as points
from evaluated
