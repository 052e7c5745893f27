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
    case criteria.operator
        -- A criterion may name the one word or the source's.
        when 'in' then
            {{ is_one_of('attributes.value_text', 'criteria.list_values') }}
            or {{ is_one_of('attributes.value_as_delivered', 'criteria.list_values') }}
        when 'not_in' then
            not {{ is_one_of('attributes.value_text', 'criteria.list_values') }}
            and not {{ is_one_of('attributes.value_as_delivered', 'criteria.list_values') }}
        when 'contains' then
            {{ contains_one_of('attributes.value_text', 'criteria.list_values') }}
            or {{ contains_one_of('attributes.value_as_delivered', 'criteria.list_values') }}
        when 'between' then
            attributes.value_number >= coalesce(criteria.min_value, attributes.value_number)
            and attributes.value_number <= coalesce(criteria.max_value, attributes.value_number)
        when 'outside' then
            attributes.value_number < coalesce(criteria.min_value, attributes.value_number)
            or attributes.value_number > coalesce(criteria.max_value, attributes.value_number)
    end as is_match
from attributes
inner join criteria on attributes.attribute = criteria.attribute
where
    greatest(attributes.valid_from, coalesce(criteria.valid_from, attributes.valid_from))
    < least(attributes.valid_to, coalesce(criteria.valid_to, attributes.valid_to))
    and (
        criteria.operator not in ('between', 'outside') or attributes.value_number is not null
    )
