{%- set day = end_date() -%}
{#- Whole cents: a sum of them is the same in whatever order. -#}
{%- set money = 'decimal(18, 2)' -%}

with drivers as (

    select * from {{ ref('account_gap_drivers') }}

),

paths as (

    select * from {{ ref('account_activation_paths') }}

),

effort as (

    select * from {{ ref('account_effort') }}

),

outcomes as (

    select
        count(case when outcome = 'won' then 1 end) as won_deals,
        count(*) as closed_deals
    from {{ ref('int_opportunity_spans') }}
    where {{ on_last_day() }}
        and outcome in ('won', 'lost')
        and not is_renewal
        and stage_changed_date
        >= cast({{ dbt.dateadd('month', -var('customer_months'), day) }} as date)

),

-- Own deals where there are enough of them, else the assumption.
chances as (

    select
        case
            when closed_deals >= {{ var('deal_value_min_deals') }}
                then cast(won_deals as double) / closed_deals
            else {{ var('win_share_fallback') }}
        end as win_share,
        case
            when closed_deals >= {{ var('deal_value_min_deals') }} then 'own deals' else 'assumed'
        end as win_share_basis
    from outcomes

),

levers as (

    select
        {{ day }} as as_of_date,
        drivers.driver,
        count(*) as gap_accounts,
        count(case when drivers.is_sole_blocker then 1 end) as sole_blocker_accounts,
        -- What nobody can see for want of an intent source may be there already: it has no price.
        count(case when drivers.is_sole_blocker and drivers.cause = 'no_intent_source' then 1 end)
            as unseen_accounts,
        coalesce(sum(
            case when drivers.is_sole_blocker and drivers.cause is distinct from 'no_intent_source'
                then cast(paths.account_value_usd as {{ money }}) end
        ), 0) as sole_blocker_value,
        count(case when drivers.is_primary and effort.is_touched then 1 end)
            as touched_primary_accounts,
        count(case when drivers.is_primary and not effort.is_touched then 1 end)
            as untouched_primary_accounts,
        cast(coalesce(sum(case when drivers.is_primary then effort.touches end), 0) as bigint)
            as primary_touches,
        coalesce(sum(
            case when drivers.is_primary then cast(effort.effort_usd as {{ money }}) end
        ), 0) as primary_effort,
        cast(chances.win_share as double) as win_share,
        chances.win_share_basis
    from drivers
    inner join paths on drivers.account_id = paths.account_id
    inner join effort on drivers.account_id = effort.account_id
    cross join chances
    group by drivers.driver, chances.win_share, chances.win_share_basis

),

told as (

    select
        levers.*,
        sole_blocker_accounts - unseen_accounts as alone_accounts,
        unseen_accounts > 0 and unseen_accounts = sole_blocker_accounts as is_unknown
    from levers

)

select
    as_of_date,
    driver,
    gap_accounts,
    sole_blocker_accounts,
    case when not is_unknown then cast(sole_blocker_value as double) end as sole_blocker_value_usd,
    touched_primary_accounts,
    untouched_primary_accounts,
    primary_touches,
    cast(primary_effort as double) as primary_effort_usd,
    win_share,
    win_share_basis,
    case
        when not is_unknown then round(cast(sole_blocker_value as double) * win_share, 2)
    end as expected_value_usd,
    'It holds back ' || {{ counted('gap_accounts', 'account') }} || '. '
    || case
        when is_unknown
            then
                'No intent source is delivered, so nobody knows whether they look for what you'
                || ' sell, or what mending this is worth.'
        else
            case
                when gap_accounts = 1 then 'The account'
                when alone_accounts = 0 then 'Each of them'
                else {{ in_words('alone_accounts', 0) }} || ' of them'
            end
            || case when alone_accounts > 1 then ' are' else ' is' end
            || ' held back by '
            || case
                when alone_accounts = 0
                    then 'something else too, so mending this alone '
                        || case when gap_accounts = 1 then 'does not activate it.'
                            else 'activates none.' end
                else
                    'nothing else, so mending this activates '
                    || case when alone_accounts = 1 then 'it' else 'them' end
                    || '. That is worth about '
                    || {{ in_words('sole_blocker_value * win_share', 0) }}
                    || ' USD a year, '
                    || case when alone_accounts = 1 then 'with a chance of ' else 'if ' end
                    || {{ in_words('100 * win_share', 0) }}
                    || case
                        when alone_accounts = 1 then '% that it buys' else '% of them buy'
                    end
                    || ' ('
                    || case win_share_basis
                        when 'assumed' then 'an assumption'
                        else 'the share of your own deals that are won'
                    end
                    || ') at the price of a median deal.'
            end
    end as note
from told
