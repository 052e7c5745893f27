{%- set day = end_date() -%}

with features as (

    select * from {{ ref('feat_account_days') }}
    where as_of_date = {{ day }}

),

criteria as (

    select * from {{ ref('fit_criteria') }}
    where {{ day }} >= coalesce(valid_from, {{ day }})
        and {{ day }} < coalesce(valid_to, {{ forever() }})

),

fit_spans as (

    select * from {{ ref('int_fit_spans') }}
    where {{ on_last_day() }}

),

-- What speaks against the account; of the criteria of one attribute a must-not says it first.
misfits as (

    select
        fit_spans.account_id,
        criteria.attribute,
        criteria.is_must_not,
        case
            when criteria.attribute in ('employees', 'revenue_usd')
                then {{ in_words('fit_spans.value_number', 0) }}
                    || case criteria.attribute
                        when 'employees' then case when fit_spans.value_number = 1
                            then ' employee' else ' employees' end
                        else ' USD of revenue a year'
                    end
            when criteria.attribute = 'technologies' and criteria.is_must_not
                and criteria.operator = 'contains'
                then 'uses ' || coalesce(
                    {{ first_of('fit_spans.value_text', 'criteria.list_values') }},
                    {{ with_and("replace(substring(fit_spans.value_text, 1, 100), ';', ', ')") }}
                )
            -- A field of a CRM may hold a page.
            else replace(criteria.attribute, '_', ' ') || ' '
                || replace(substring(fit_spans.value_text, 1, 100), ';', ', ')
        end
        || case
            when criteria.operator = 'contains' and criteria.is_must_not then ', which rules it out'
            when criteria.operator = 'contains' then ', none that we look for'
            when criteria.operator not in ('between', 'outside') and criteria.is_must_not
                then ', one that we do not serve'
            when criteria.operator not in ('between', 'outside') then ', not one that we look for'
            when fit_spans.value_number > criteria.max_value
                then ', we serve up to ' || {{ in_words('criteria.max_value', 0) }}
            when fit_spans.value_number < criteria.min_value
                then ', we serve ' || {{ in_words('criteria.min_value', 0) }} || ' and more'
            else ', ruled out: ' || {{ range_in_words('criteria') }}
        end as words,
        row_number() over (
            partition by fit_spans.account_id, criteria.attribute
            order by criteria.is_must_not desc, criteria.weight desc, criteria.criterion asc
        ) as attribute_order
    from fit_spans
    inner join criteria on fit_spans.criterion = criteria.criterion
    where fit_spans.is_match = criteria.is_must_not

),

against as (

    select
        account_id,
        max(is_must_not) as is_ruled_out,
        string_agg(words, '; ' order by is_must_not desc, attribute asc) as misfits
    from misfits
    where attribute_order = 1
    group by account_id

),

names as (

    select * from {{ ref('int_account_names') }}

)

select
    features.account_id,
    names.account_name,
    names.owner_name,
    features.as_of_date,
    features.fit_score,
    features.fit_tier,
    features.fits_icp,
    features.is_fit_assumed,
    features.fit_completeness_share,
    features.fit_score as scorecard_score,
    cast(null as double) as learned_score,
    'scorecard' as fit_method,
    against.misfits,
    case
        when features.is_fit_assumed and features.fit_completeness_share is null
            then 'Unknown: nobody has said what makes an account fit (RULES_DIR/fit_criteria.csv).'
                || ' Counts as fitting until then'
        when features.is_fit_assumed
            then 'Counts as fitting until more is known: only '
                || {{ percent_words('features.fit_completeness_share') }}
                || ' of what the scorecard asks for is on file'
        when features.fits_icp
            then 'Fits: ' || {{ in_words('features.fit_score', 0) }} || ' of 100 points'
        when coalesce(against.is_ruled_out, false) then 'Does not fit'
        else
            'Does not fit: ' || {{ in_words('floor(features.fit_score)', 0) }}
            || ' of 100 points, {{ var("fit_moderate_min_score") }} are needed'
    end
    || case
        when against.misfits is null then ''
        when features.fits_icp or not against.is_ruled_out
            then '; against it: ' || against.misfits
        else ': ' || against.misfits
    end
    || '.' as why,
    {{ ruleset_version() }} as ruleset_version
from features
left join names on features.account_id = names.account_id
left join against on features.account_id = against.account_id
