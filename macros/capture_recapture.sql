{#- How many were there and caught by nobody: Chao's lower bound for incidences (Chao2, bias-corrected)
    with its log-normal interval, and where nobody was caught by one occasion alone the interval that
    takes their number as Poisson. Chao 1987, Biometrics 43:783-791 (bound, log-normal interval);
    Chao 1989, Biometrics 45:427-438 (sparse data); variances as in Colwell, EstimateS 9 user's guide,
    appendix B, equations 8, 10, 13 and 14.
    `counts` has integers observed_accounts (S), caught_once (Q1), caught_twice (Q2), captures (M, the
    sum over accounts of the occasions that caught them) and channels_used (t, the occasions). `width`
    is in standard errors. Returns a select: columns of `counts` + estimated_dark_accounts, lower_bound,
    upper_bound (accounts); null with fewer than two occasions or nobody caught. -#}
{% macro chao_lower_bound(counts, width) -%}
    select
        moments.*,
        unseen as estimated_dark_accounts,
        case
            when unseen > 0
                then unseen / exp({{ width }} * sqrt(ln(1 + variance / (unseen * unseen))))
            when observed_accounts * missed_share > power({{ width }}, 2)
                then observed_accounts * missed_share / (1 - missed_share)
                    - {{ width }} * sqrt(observed_accounts * missed_share) / (1 - missed_share)
            else 0 * missed_share
        end as lower_bound,
        case
            when unseen > 0
                then unseen * exp({{ width }} * sqrt(ln(1 + variance / (unseen * unseen))))
            else
                observed_accounts * missed_share / (1 - missed_share)
                + {{ width }} * sqrt(observed_accounts * missed_share) / (1 - missed_share)
        end as upper_bound
    from (
        select
            bounds.*,
            share_of_occasions * caught_once * (caught_once - 1) / (2 * (caught_twice + 1))
            + power(share_of_occasions, 2)
            * caught_once * power(2 * caught_once - 1, 2) / (4 * power(caught_twice + 1, 2))
            + case
                when caught_twice > 0
                    then power(share_of_occasions, 2)
                        * power(caught_once, 2) * caught_twice * power(caught_once - 1, 2)
                        / (4 * power(caught_twice + 1, 4))
                else -power(share_of_occasions, 2)
                    * power(caught_once, 4) / (4 * (observed_accounts + unseen))
            end as variance
        from (
            select
                occasions.*,
                -- Of nobody caught once there is nothing to tell from: 0, and not 0 times -1.
                share_of_occasions
                * caught_once * greatest(caught_once - 1, 0) / (2 * (caught_twice + 1))
                    as unseen
            from (
                select
                    {{ counts }}.*,
                    case
                        when channels_used > 1 and observed_accounts > 0
                            then (channels_used - 1.0) / channels_used
                    end as share_of_occasions,
                    case
                        when channels_used > 1 and observed_accounts > 0
                            then exp(-1.0 * captures / observed_accounts)
                    end as missed_share
                from {{ counts }}
            ) as occasions
        ) as bounds
    ) as moments
{%- endmacro %}
