with segments as (

    select * from {{ ref('int_target_segments') }}

),

captures as (

    select * from {{ ref('int_account_captures') }}

),

-- Channels that are fresh and caught anybody at all.
programme as (

    select
        count(distinct case when captures.is_used then captures.channel end) as channels_used,
        string_agg(
            distinct case when captures.is_used then captures.channel end,
            ', ' order by case when captures.is_used then captures.channel end
        ) as used_channels,
        string_agg(
            distinct case when not captures.is_used then captures.channel end,
            ', ' order by case when not captures.is_used then captures.channel end
        ) as left_out_channels
    from segments
    inner join captures on segments.account_id = captures.account_id
    where segments.segment_type = 'all'

),

caught as (

    select distinct account_id, used_channels from captures
    where is_used

),

counts as (

    select
        segments.segment_type,
        segments.segment_value,
        programme.used_channels,
        programme.left_out_channels,
        programme.channels_used,
        count(*) as target_accounts,
        count(caught.account_id) as observed_accounts,
        count(case when caught.used_channels = 1 then 1 end) as caught_once,
        count(case when caught.used_channels = 2 then 1 end) as caught_twice,
        coalesce(sum(caught.used_channels), 0) as captures
    from segments
    cross join programme
    left join caught on segments.account_id = caught.account_id
    group by
        segments.segment_type, segments.segment_value, programme.used_channels,
        programme.left_out_channels, programme.channels_used

),

uncapped as (

    {{ chao_lower_bound('counts', var('dark_interval_width')) }}

),

-- There cannot be more unseen targets than targets that were not seen.
bounds as (

    select
        uncapped.*,
        {%- for bound in ['estimated_dark_accounts', 'lower_bound', 'upper_bound'] %}
        case
            when {{ bound }} > target_accounts - observed_accounts
                then target_accounts - observed_accounts
            else {{ bound }}
        end
            as {{ bound }}_on_list{{ ',' if not loop.last }}
        {%- endfor %}
    from uncapped

)

select
    {{ end_date() }} as as_of_date,
    segment_type,
    segment_value,
    target_accounts,
    observed_accounts,
    caught_once,
    caught_twice,
    cast(channels_used as integer) as channels_used,
    used_channels,
    left_out_channels,
    cast(estimated_dark_accounts_on_list as double) as estimated_dark_accounts,
    cast(lower_bound_on_list as double) as lower_bound,
    cast(upper_bound_on_list as double) as upper_bound,
    case
        when channels_used = 0 then 'No estimate: no channel shows a target that is interested.'
        when channels_used = 1
            then 'No estimate: only the channel ' || used_channels
                || ' shows interested targets, and it takes two to tell how many one of them'
                || ' misses.'
        when observed_accounts = 0 then 'No estimate: no channel shows an interested account here.'
        else
            {{ in_words('observed_accounts', 0) }} || ' of '
            || {{ counted('target_accounts', 'target') }}
            || case when observed_accounts = 1 then ' shows' else ' show' end
            || ' clear interest, whatever the state: ' || {{ in_words('caught_once', 0) }}
            || ' on one channel only and ' || {{ in_words('caught_twice', 0) }}
            || ' on two (channels: ' || used_channels
            || '). About ' || {{ in_words('estimated_dark_accounts_on_list', 0) }}
            || ' more (between ' || {{ in_words('lower_bound_on_list', 0) }} || ' and '
            || {{ in_words('upper_bound_on_list', 0) }}
            || ')'
            || case when round(estimated_dark_accounts_on_list) = 1 then ' is' else ' are' end
            || ' probably interested too, but no channel shows it.'
            || case
                when caught_once <= 1
                    then ' This is rough: too few accounts were seen on one channel only to'
                        || ' estimate from.'
                when caught_twice = 0 then ' This is rough: no account was seen on two channels.'
                else ''
            end
    end
    || case
        when left_out_channels is not null
            then ' Not counted, for want of fresh data: ' || left_out_channels || '.'
        else ''
    end as note
from bounds
