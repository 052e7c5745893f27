with spans as (

    select * from {{ ref('int_readiness_spans') }}

),

names as (

    select * from {{ ref('int_account_names') }}

)

select
    spans.account_id,
    coalesce(names.account_name, spans.account_id) as account_name,
    names.owner_name,
    spans.readiness_segment,
    spans.previous_segment,
    spans.blocking_dimension,
    spans.known_dimensions,
    spans.cleared_dimensions,
    spans.expires_on,
    spans.is_single_voice,
    spans.valid_from,
    nullif(spans.valid_to, {{ forever() }}) as valid_to,
    spans.ruleset_version
from spans
left join names on spans.account_id = names.account_id
