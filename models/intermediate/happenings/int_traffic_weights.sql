with domains as (

    select distinct traffic_domain from {{ ref('int_identity_owners') }}
    where traffic_domain is not null

),

rules as (

    select
        domains.traffic_domain,
        traffic_rules.rule_rank,
        traffic_rules.category,
        traffic_rules.weight_share,
        coalesce(traffic_rules.valid_from, {{ ever_since() }}) as valid_from,
        coalesce(traffic_rules.valid_to, {{ forever() }}) as valid_to
    from domains
    inner join {{ ref('traffic_rules') }} as traffic_rules
        on domains.traffic_domain like lower(traffic_rules.domain_pattern)

),

weights as (

    {{ winning_claims(
        'rules', key=['traffic_domain'], columns=['category', 'weight_share'],
        order_by='rules.rule_rank'
    ) }}

)

select * from weights
