{#- By how much one window differs from another of the same account, with its interval. `counts`
    has, a row each: before_amount, after_amount (integers), before_weeks, after_weeks (whole
    weeks, so that every day of the week stands in both equally often), clump (how many units
    come together, 1 or more) and spread (0 to 1, below). `width` is in standard errors.

    Given the total N of both windows, the part that fell into the first is binomial with share
    p = before_weeks / (before_weeks + ratio * after_weeks) if acts came one by one and at an
    even pace: the exact conditional test of two Poisson rates (Przyborowski and Wilenski 1940,
    Biometrika 31:313-323). They do not: the acts of a visit come together (clump), and accounts
    wake up and fall asleep (spread, the correlation of a beta-binomial; Williams 1982, Applied
    Statistics 31:144-148). So N counts as N / (clump * (1 + spread * (N / clump - 1)))
    independent acts, with Wilson's interval (1927, JASA 22:209-212), which holds for small
    numbers and for none.
    Returns a select: columns of `counts` + change_share, lower_share, upper_share (after
    against before less 1; 0 is no change). Null where nothing was seen; without an upper end
    where nothing came before. -#}
{% macro change_between_windows(counts, width) -%}
    select
        bounded.*,
        case when before_share > 0
            then (1 - before_share) / before_share * before_weeks / after_weeks - 1
        end as change_share,
        (1 - highest_share) / highest_share * before_weeks / after_weeks - 1 as lower_share,
        case when before_share > 0
            then (1 - lowest_share) / lowest_share * before_weeks / after_weeks - 1
        end as upper_share
    from (
        select
            scored.*,
            (before_share + loss / 2 + half_width) / (1 + loss) as highest_share,
            (before_share + loss / 2 - half_width) / (1 + loss) as lowest_share
        from (
            select
                weighed.*,
                sqrt(loss * before_share * (1 - before_share) + loss * loss / 4) as half_width
            from (
                select
                    {{ counts }}.*,
                    case when before_amount + after_amount > 0
                        then cast(before_amount as double) / (before_amount + after_amount)
                    end as before_share,
                    case when before_amount + after_amount > 0
                        then power({{ width }}, 2)
                            * clump
                            * (
                                1 + spread
                                * greatest(cast(before_amount + after_amount as double) / clump - 1, 0)
                            )
                            / (before_amount + after_amount)
                    end as loss
                from {{ counts }}
            ) as weighed
        ) as scored
    ) as bounded
{%- endmacro %}

{#- The spread of `change_between_windows`, learnt from all rows at once: an aggregate over rows
    with the columns of `counts` above and expected_share, that of N which falls before the
    programme if each account changed as all of them together did (a change that they share is
    no spread). By moments: the squared deviation from it over what the binomial would give has
    the mean 1 + spread * (units - 1). -#}
{% macro spread_between_windows() -%}
    least(greatest(coalesce(
        sum(
            case when before_amount + after_amount > 0
                then power(before_amount - (before_amount + after_amount) * expected_share, 2)
                    / (
                        clump * (before_amount + after_amount)
                        * expected_share * (1 - expected_share)
                    )
                    - 1
            end
        )
        / nullif(sum(
            case when before_amount + after_amount > 0
                then greatest(cast(before_amount + after_amount as double) / clump - 1, 0)
            end
        ), 0), 0
    ), 0), 1)
{%- endmacro %}

{#- The change of many accounts together. `sums` has, a row each, over the accounts that can be
    compared: seen (how many with anything in either window), after_amount, expected_amount
    (what each account's own past, carried on, would have given), after_squares,
    expected_squares and products (sums of their squares and of their product). The ratio of the
    sums, with the variance that accounts' departures from it give (a ratio estimator; Cochran
    1977, Sampling Techniques, 3rd ed., 6.4) and an interval on the logarithm. `width` is in
    standard errors.
    Returns a select: columns of `sums` + change_share, lower_share, upper_share; null of fewer
    accounts than `min_accounts`, or where nothing came before or after. -#}
{% macro change_of_many(sums, width, min_accounts) -%}
    select
        scored.*,
        case when log_error is not null then ratio - 1 end as change_share,
        ratio * exp(-{{ width }} * log_error) - 1 as lower_share,
        ratio * exp({{ width }} * log_error) - 1 as upper_share
    from (
        select
            rated.*,
            case when seen >= {{ min_accounts }} and after_amount > 0
                then sqrt(
                    greatest(
                        after_squares - 2 * ratio * products + ratio * ratio * expected_squares, 0
                    )
                    * seen / (seen - 1)
                ) / after_amount
            end as log_error
        from (
            select
                {{ sums }}.*,
                after_amount / nullif(expected_amount, 0) as ratio
            from {{ sums }}
        ) as rated
    ) as scored
{%- endmacro %}
