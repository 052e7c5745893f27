{#- Rows of spend, with whether each is the total of others (is_total): of one campaign, channel, function and
    day, a row without an account that is to the cent the sum of two or more rows of accounts. Its money is
    counted with these. account_rows and account_spend_usd: those rows, as far as they are known. -#}
{% macro spend_with_totals(rows) -%}
    select
        *,
        crm_account_id is null and account_rows > 1
        and cast(spend_usd as decimal(18, 2)) = account_spend_usd as is_total
    from (
        select
            *,
            count(
                case when known_date <= {{ end_date() }} then crm_account_id end
            ) over of_day as account_rows,
            sum(
                case when known_date <= {{ end_date() }} and crm_account_id is not null
                    then cast(spend_usd as decimal(18, 2)) end
            ) over of_day as account_spend_usd
        from {{ rows }}
        window of_day as (partition by spend_date, channel, function_name, campaign_id)
    ) as compared
{%- endmacro %}
