{%- set day = end_date() -%}
{%- set most = var('sequence_max_touches') -%}
{%- set fewest = var('sequence_min_touches') -%}

with activity_types as (

    select * from {{ ref('activity_types') }}

),

owners as (

    select * from {{ ref('int_owners') }}

),

names as (

    select * from {{ ref('int_account_names') }}

),

targets as (

    select account_id from {{ ref('int_target_accounts') }}
    where {{ on_last_day() }}

),

contacts as (

    select
        touches.account_id,
        touches.person_id,
        touches.touch_date,
        touches.channel,
        touches.owner_id,
        touches.touches,
        activity_types.is_own_touch and activity_types.is_addressed as is_addressed_touch,
        not activity_types.is_own_touch and activity_types.is_two_way as is_answer,
        owners.function_name as owner_function,
        owners.owner_name
    from {{ ref('int_touch_days') }} as touches
    inner join activity_types on touches.activity_type = activity_types.activity_type
    left join owners
        on
            touches.owner_id = owners.owner_id
            and touches.touch_date >= owners.valid_from
            and touches.touch_date < owners.valid_to
    where touches.account_id is not null

),

-- The function of a touch is that of its owner. Where the CRM names no owner, or nothing says in
-- which function the owner works, it may be one of sales development, and nobody can judge.
development as (

    select
        *,
        owner_function is null as is_unknown_function,
        lag(touch_date) over (
            partition by account_id order by touch_date
        ) as previous_touch_date
    from contacts
    where is_addressed_touch
        and (owner_function = 'sales_development' or owner_function is null)

),

paused as (

    select
        *,
        coalesce({{ dbt.datediff('previous_touch_date', 'touch_date', 'day') }}, 0) as pause_days
    from development

),

numbered as (

    select
        *,
        sum(
            case
                when
                    previous_touch_date is null
                    or pause_days > {{ var('sequence_pause_days') }}
                    then 1
                else 0
            end
        ) over (
            partition by account_id order by touch_date
            range between unbounded preceding and current row
        ) as sequence_number
    from paused

),

sequences as (

    select
        account_id,
        sequence_number,
        min(touch_date) as first_touch_on,
        max(touch_date) as last_touch_on,
        sum(touches) as touches,
        sum(case when is_unknown_function then touches else 0 end) as unknown_function_touches,
        count(distinct person_id) as people,
        count(distinct channel) as channels,
        count(case when pause_days > {{ var('sequence_gap_days') }}
            and pause_days <= {{ var('sequence_pause_days') }} then 1 end) as gaps,
        max(case when pause_days <= {{ var('sequence_pause_days') }} then pause_days else 0 end)
            as longest_gap_days
    from numbered
    group by account_id, sequence_number

),

channel_lists as (

    select
        account_id,
        sequence_number,
        string_agg(channel, ', ' order by channel) as channel_names
    from (select distinct account_id, sequence_number, channel from numbered) as channels
    group by account_id, sequence_number

),

-- Whose sequence it is: who made most of its touches, of equals the smaller id.
owner_order as (

    select
        account_id,
        sequence_number,
        owner_id,
        max(owner_name) as owner_name,
        row_number() over (
            partition by account_id, sequence_number
            order by sum(touches) desc, owner_id
        ) as place
    from numbered
    where owner_id is not null
    group by account_id, sequence_number, owner_id

),

person_touches as (

    select
        account_id,
        sequence_number,
        max(touches) as most_touches_of_a_person
    from (
        select account_id, sequence_number, person_id, sum(touches) as touches
        from numbered
        where person_id is not null
        group by account_id, sequence_number, person_id
    ) as by_person
    group by account_id, sequence_number

),

followed as (

    select
        *,
        least(
            {{ add_days('last_touch_on', var('sequence_answer_days')) }},
            coalesce(
                {{ add_days(
                    'lead(first_touch_on) over (partition by account_id order by first_touch_on)', -1
                ) }}, {{ day }}
            ),
            {{ day }}
        ) as answers_until
    from sequences

),

-- An answer to whoever of ours it went: who replies to the account executive answers as well.
answers as (

    select
        followed.account_id,
        followed.sequence_number,
        min(contacts.touch_date) as answered_on,
        count(distinct contacts.touch_date) as answer_days,
        max(case when contacts.channel = 'meeting' then 1 else 0 end) = 1 as has_meeting
    from followed
    inner join contacts
        on
            followed.account_id = contacts.account_id
            and followed.first_touch_on <= contacts.touch_date
            and followed.answers_until >= contacts.touch_date
    where contacts.is_answer
    group by followed.account_id, followed.sequence_number

),

joined as (

    select
        followed.*,
        {{ dbt.datediff('followed.first_touch_on', 'followed.last_touch_on', 'day') }} + 1
            as sequence_days,
        {{ dbt.datediff('followed.last_touch_on', day, 'day') }}
        <= {{ var('sequence_pause_days') }} as is_running,
        followed.sequence_number
        = max(followed.sequence_number) over (partition by followed.account_id) as is_latest,
        channel_lists.channel_names,
        owner_order.owner_id as sequence_owner_id,
        owner_order.owner_name as sequence_owner_name,
        person_touches.most_touches_of_a_person,
        answers.answered_on,
        coalesce(answers.answer_days, 0) as answer_days,
        coalesce(answers.has_meeting, false) as has_meeting
    from followed
    inner join channel_lists
        on
            followed.account_id = channel_lists.account_id
            and followed.sequence_number = channel_lists.sequence_number
    left join owner_order
        on
            followed.account_id = owner_order.account_id
            and followed.sequence_number = owner_order.sequence_number
            and owner_order.place = 1
    left join person_touches
        on
            followed.account_id = person_touches.account_id
            and followed.sequence_number = person_touches.sequence_number
    left join answers
        on
            followed.account_id = answers.account_id
            and followed.sequence_number = answers.sequence_number
    where followed.last_touch_on > {{ add_days(day, -var('sequence_history_days')) }}

),

judged as (

    select
        *,
        case
            when unknown_function_touches > 0 then 'unknown_function'
            when touches > {{ most }} then 'over'
            when answered_on <= last_touch_on then 'answered'
            when answered_on is not null and touches < {{ fewest }} then 'answered'
            when is_running then 'running'
            when touches < {{ fewest }} then 'below'
            when channels < {{ var('sequence_min_channels') }} then 'one_channel'
            when sequence_days < {{ var('sequence_min_days') }} then 'too_fast'
            when sequence_days > {{ var('sequence_max_days') }} then 'too_slow'
            else 'kept'
        end as status
    from joined

)

select
    judged.account_id,
    names.account_name,
    names.owner_name,
    {{ day }} as as_of_date,
    judged.first_touch_on,
    judged.last_touch_on,
    targets.account_id is not null as is_target,
    judged.sequence_owner_id,
    judged.sequence_owner_name,
    cast(judged.sequence_days as integer) as sequence_days,
    cast(judged.touches as bigint) as touches,
    cast(judged.unknown_function_touches as bigint) as unknown_function_touches,
    cast(judged.people as bigint) as people,
    cast(judged.most_touches_of_a_person as bigint) as most_touches_of_a_person,
    cast(judged.channels as integer) as channels,
    judged.channel_names,
    cast(judged.gaps as integer) as gaps,
    cast(judged.longest_gap_days as integer) as longest_gap_days,
    judged.is_running,
    judged.is_latest,
    judged.status,
    judged.answered_on,
    cast(judged.answer_days as integer) as answer_days,
    judged.has_meeting,
    case judged.status
        when 'unknown_function'
            then {{ counted('judged.unknown_function_touches', 'touch has', 'touches have') }}
                || ' no owner, or one whose function nobody has said, so it is not known whether'
                || ' this is the work of sales development.'
        when 'over'
            then 'More than {{ most }} touches without a pause of more than'
                || ' {{ var("sequence_pause_days") }} days.'
        when 'answered' then 'They answered, so the sequence may end.'
        when 'running'
            then 'It still runs; a pause of more than {{ var("sequence_pause_days") }} days would'
                || ' end it.'
        when 'below' then 'It ended after fewer than {{ fewest }} touches, and nobody answered.'
        when 'one_channel'
            then 'Fewer than {{ var("sequence_min_channels") }} channels were used.'
        when 'too_fast'
            then 'All touches came within fewer than {{ var("sequence_min_days") }} days.'
        when 'too_slow' then 'It took more than {{ var("sequence_max_days") }} days.'
        else 'As it should be: {{ fewest }} to {{ most }} touches in'
            || ' {{ var("sequence_min_days") }} to {{ var("sequence_max_days") }} days, over at'
            || ' least {{ var("sequence_min_channels") }} channels.'
    end as why
from judged
left join names on judged.account_id = names.account_id
left join targets on judged.account_id = targets.account_id
