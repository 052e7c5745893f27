"""How well proposed criteria find the accounts that truly fit, beside the hand-written ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from proposing import findings_of
from runner import Place, program

from orchestration.demo.company import Plan
from orchestration.demo.simulate import simulate
from orchestration.engine.warehouse import Warehouse, connect, literal
from orchestration.proposals.store import read_rows
from orchestration.settings import DEMO_RULES

# As feat_account_days has it: a must-not rules out; of little known nothing is said, so it fits.
FITS = """
    with scores as (
        select survivors.crm_account_id,
            coalesce(sum(spans.weight) filter (not spans.is_must_not and spans.is_match), 0)
                as matched,
            coalesce(sum(spans.weight) filter (not spans.is_must_not), 0) as known,
            coalesce(bool_or(spans.is_must_not and spans.is_match), false) as is_ruled_out
        from intermediate.int_account_survivors as survivors
        left join intermediate.int_fit_spans as spans
            on survivors.account_id = spans.account_id and spans.valid_to = date '9999-12-31'
        where survivors.valid_to = date '9999-12-31'
        group by survivors.crm_account_id
    ),
    judged as (
        select crm_account_id, not is_ruled_out and (
            known < 0.3 * (select sum(weight) from seeds.fit_criteria where not is_must_not)
            or matched >= 0.5 * known
        ) as fits
        from scores
    )
    select true_fit, fits, count(*)
    from read_parquet({truth}) as truth
    inner join judged using (crm_account_id)
    group by all
"""


def f1_of_both(
    seed: int, accounts: int, folder: Path, template: Place, months: int = 18
) -> dict[str, tuple[float, float]]:
    """F1 of the fitting and of those that do not fit, by `proposed` and `written`."""
    plan = Plan(accounts=accounts, months=months, activities=10 * accounts, seed=seed)
    simulate(plan, folder / "landing", folder / "truth", say=lambda _: None)
    findings = findings_of(folder / "landing", folder / "taken", template)
    proposed = next((each.rows for each in findings.rules if each.seed == "fit_criteria"), ())
    found = {}
    with connect(folder / "taken" / "warehouse.duckdb") as warehouse:
        for name, rows in (
            ("proposed", proposed),
            ("written", read_rows(DEMO_RULES / "fit_criteria.csv")),
        ):
            found[name] = _f1(warehouse, rows, folder / "truth" / "accounts.parquet")
    return found


def _f1(
    warehouse: Warehouse, rows: Sequence[Mapping[str, str]], truth: Path
) -> tuple[float, float]:
    warehouse.execute("delete from seeds.fit_criteria")
    for row in rows:
        cells = {name: value for name, value in row.items() if value}
        places = ", ".join("?" for _ in cells)
        warehouse.connection.execute(
            f"insert into seeds.fit_criteria ({', '.join(cells)}) values ({places})",
            [*cells.values()],
        )
    days = {"START_DATE": "", "REPLAY_START_DATE": "", "END_DATE": "", "RULESET_VERSION": ""}
    program().run(warehouse.connection, days, ["int_fit_spans"])
    counts = {
        (is_true, said): count
        for is_true, said, count in warehouse.rows(FITS.format(truth=literal(str(truth))))
    }

    def f1(wanted: bool) -> float:
        hit = counts.get((wanted, wanted), 0)
        missed = counts.get((wanted, not wanted), 0) + counts.get((not wanted, wanted), 0)
        return 2 * hit / (2 * hit + missed) if hit else 0.0

    return f1(True), f1(False)
