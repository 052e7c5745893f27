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

-- Nobody can be unseen who is not on the list.
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
        when channels_used = 0 then 'No estimate: no fresh channel shows any target active.'
        when channels_used = 1
            then 'No estimate: only ' || used_channels || ' is fresh and shows targets active; '
                || 'it takes two channels to tell what one of them misses.'
        when observed_accounts = 0 then 'No estimate: no channel shows anybody here active.'
        else
            'Of ' || target_accounts || ' targets ' || observed_accounts
            || ' are seen active, ' || caught_once || ' of them by one channel alone and '
            || caught_twice || ' by two, out of ' || used_channels
            || '. The fewer are seen twice, the more are seen by none: at least about '
            || {{ in_words('estimated_dark_accounts_on_list', 0) }}
            || ' (' || {{ in_words('lower_bound_on_list', 0) }}
            || ' to ' || {{ in_words('upper_bound_on_list', 0) }} || ')'
            || case
                when caught_once <= 1 then ', for almost nobody was seen but once'
                when caught_twice = 0 then ', roughly, for nobody was seen twice'
                else ''
            end
            || '. It takes channels to see accounts independently; in truth who shows in one shows '
            || 'in others too, and some show in none, so that the true number is likelier higher. '
            || 'Accounts that look active and are not make it too high.'
    end
    || case
        when left_out_channels is not null
            then ' Left out, for a feed is stale: ' || left_out_channels || '.'
        else ''
    end as note
from bounds
