with attributes as (

    select * from {{ ref('int_account_attributes') }}

),

criteria as (

    select * from {{ ref('fit_criteria') }}

)

select
    attributes.account_id,
    criteria.criterion,
    greatest(attributes.valid_from, coalesce(criteria.valid_from, attributes.valid_from))
        as valid_from,
    least(attributes.valid_to, coalesce(criteria.valid_to, attributes.valid_to)) as valid_to,
    criteria.weight,
    criteria.is_must_not,
    attributes.value_text,
    attributes.value_number,
    {{ meets_criterion('attributes', 'criteria') }} as is_match
from attributes
inner join criteria on attributes.attribute = criteria.attribute
where
    greatest(attributes.valid_from, coalesce(criteria.valid_from, attributes.valid_from))
    < least(attributes.valid_to, coalesce(criteria.valid_to, attributes.valid_to))
    and (
        criteria.operator not in ('between', 'outside') or attributes.value_number is not null
    )
