"""Match review by hand: judges a list of pairs of names, or estimates its parameters anew.

    python -m orchestration.commands.match_review --pairs pairs.csv [--output judged.csv]
    python -m orchestration.commands.match_review --estimate labelled.csv --companies 6600

`--pairs` reads a CSV with two columns of names, and country and website of each side where it has
them, and writes the same rows with probability, decision (duplicate, parent, none) and evidence.
With a column `label` (1, true, yes, match or duplicate: one company) it prints precision and recall
of the proposed duplicates, by `kind` too where there is such a column. Columns may be called
name_left, left_name, left, name_a, name_1, company_a and the like.

`--estimate` fits the weights of name features and the levels of names on labelled pairs, and writes
them to seeds/identity/match_weights.csv and match_levels.csv. A column `label` says match, related
(of one group, not one company) or anything else for strangers, which should be the strangers that
look most alike; a column `weight` how much a pair counts. `--companies` is how many names those
strangers were chosen from. Neither command touches a warehouse.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from orchestration.project import project
from orchestration.rules.ruleset import match_rules, seed_rows
from orchestration.scoring.match_estimation import LabelledPair, estimate
from orchestration.scoring.matching import DUPLICATE, JUDGED_SCHEMA, PAIR_SCHEMA, judge
from orchestration.settings import PROJECT_DIR
from orchestration.terminal import lines, printable

SIDES = {
    "left": ("left", "l", "a", "1", "one", "x", "first", "source", "query", "from"),
    "right": ("right", "r", "b", "2", "two", "y", "second", "target", "candidate", "to"),
}
FIELDS = {
    "name": ("name", "company", "company_name", "account", "account_name", "org", "organization",
             "organisation", "entity", "alias", "text", ""),
    "country": ("country", "country_code", "billing_country"),
    "domain": ("domain", "website", "url", "web", "site"),
}  # fmt: skip
LABELS = (
    "label",
    "is_match",
    "match",
    "is_duplicate",
    "duplicate",
    "same",
    "y_true",
    "truth",
    "gold",
)
MATCHING = (
    "1",
    "1.0",
    "true",
    "t",
    "yes",
    "y",
    "match",
    "matched",
    "duplicate",
    "same",
    "positive",
)
RELATED = ("related", "parent", "sibling", "group")


class PairsError(ValueError):
    """The file does not read as pairs; the message says what is missing."""


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV (comma, semicolon or tab), headers in lower case without spaces."""
    with path.open(newline="", encoding="utf-8-sig") as handle:
        header = handle.readline()
        delimiter = max(",;\t", key=header.count)
        handle.seek(0)
        reader = csv.reader(handle, delimiter=delimiter)
        names = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
        return [dict(zip(names, row, strict=False)) for row in reader if any(row)]


def columns_of(names: Iterable[str]) -> dict[str, str]:
    """Our column -> theirs, for those of PAIR_SCHEMA that are there, and `label`, `kind`, `weight`.

    Raises PairsError without the two names.
    """
    known = list(names)
    found: dict[str, str] = {}
    for field, aliases in FIELDS.items():
        for side, words in SIDES.items():
            spellings = [
                spelling
                for word in words
                for alias in aliases
                for spelling in (
                    f"{alias}_{word}", f"{word}_{alias}", f"{alias}{word}", f"{word}{alias}"
                )
            ]  # fmt: skip
            spellings = [spelling.strip("_") for spelling in spellings]
            theirs = next((name for name in spellings if name in known), None)
            if theirs is not None and theirs not in found.values():
                found[f"{field}_{side}"] = theirs
    if not {"name_left", "name_right"} <= set(found):
        raise PairsError(
            "The file needs two columns of names, such as name_left and name_right; it has"
            f" {', '.join(known) or 'no header'}."
        )
    for ours, candidates in (("label", LABELS), ("kind", ("kind", "type", "category"))):
        name = next((name for name in candidates if name in known), None)
        if name is not None:
            found[ours] = name
    if "weight" in known:
        found["weight"] = "weight"
    return found


def as_pairs(rows: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> pa.Table:
    """The rows as PAIR_SCHEMA; websites are cut to their registrable domain."""
    return pa.Table.from_pylist(
        [
            {
                name: _value(row, columns, name) if not name.startswith("domain") else
                _domain(_value(row, columns, name))
                for name in PAIR_SCHEMA.names
            }
            for row in rows
        ],
        schema=PAIR_SCHEMA,
    )  # fmt: skip


def _value(row: Mapping[str, str], columns: Mapping[str, str], name: str) -> str | None:
    return (row.get(columns[name]) or "").strip() or None if name in columns else None


def _domain(text: str | None) -> str | None:
    if text is None:
        return None
    import tldextract

    # The list of public suffixes that the package ships: nothing is fetched.
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    return extract(text).top_domain_under_public_suffix.lower() or None


def figures(decisions: Sequence[str], labels: Sequence[bool]) -> tuple[int, int, int]:
    """(proposed and true, proposed, true) of duplicates."""
    proposed = [decision == DUPLICATE for decision in decisions]
    hits = sum(
        1 for is_proposed, label in zip(proposed, labels, strict=True) if is_proposed and label
    )
    return hits, sum(proposed), sum(labels)


def _print_figures(
    rows: Sequence[Mapping[str, str]], decisions: Sequence[str], columns: Mapping[str, str]
) -> None:
    labels = [_is_match(row, columns) for row in rows]
    hits, proposed, true = figures(decisions, labels)
    precision = f"{hits / proposed:.3f}" if proposed else "none proposed"
    recall = f"{hits / true:.3f}" if true else "none labelled"
    print(f"{len(rows)} pairs, {true} labelled as one company, {proposed} proposed, {hits} both")
    print(f"precision {precision}, recall {recall}")
    if "kind" not in columns:
        return
    kinds = sorted({row.get(columns["kind"], "") for row in rows})
    for kind in kinds:
        of_kind = [
            (decision == DUPLICATE, label)
            for row, decision, label in zip(rows, decisions, labels, strict=True)
            if row.get(columns["kind"], "") == kind
        ]
        matches = [found for found, label in of_kind if label]
        strangers = [found for found, label in of_kind if not label]
        said = [f"  {kind or '(no kind)'}:"]
        if matches:
            said.append(f"{sum(matches)} of {len(matches)} matches proposed")
        if strangers:
            said.append(f"{sum(strangers)} of {len(strangers)} strangers proposed")
        print(printable(" ".join(said)))


def _is_match(row: Mapping[str, str], columns: Mapping[str, str]) -> bool:
    return row.get(columns["label"], "").strip().lower() in MATCHING


def judge_file(path: Path, output: Path | None) -> None:
    """Judges the pairs of a file; see the top of this module."""
    rows = read_rows(path)
    columns = columns_of(rows[0] if rows else ())
    judged = judge(as_pairs(rows, columns), match_rules(project())).to_pylist()
    destination = output or path.with_name(f"{path.stem}.judged.csv")
    with destination.open("w", newline="", encoding="utf-8") as handle:
        names = [*rows[0], *(name for name in JUDGED_SCHEMA.names if name not in rows[0])]
        writer = csv.DictWriter(handle, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **found} for row, found in zip(rows, judged, strict=True))
    if "label" in columns:
        _print_figures(rows, [found["decision"] for found in judged], columns)
    print(printable(f"Written: {destination}"))


def estimate_file(path: Path, companies: int) -> None:
    """Estimates the parameters on the labelled pairs of a file and writes the two seeds."""
    rows = read_rows(path)
    columns = columns_of(rows[0] if rows else ())
    if "label" not in columns:
        raise PairsError("Labelled pairs need a column `label`.")
    pairs = [
        LabelledPair(
            row[columns["name_left"]],
            row[columns["name_right"]],
            is_match=_is_match(row, columns),
            is_related=row[columns["label"]].strip().lower() in RELATED,
            weight=float(row.get("weight") or 1),
        )
        for row in rows
    ]
    weight_rows = seed_rows(project(), "identity/match_weights.csv")
    level_rows = seed_rows(project(), "identity/match_levels.csv")
    start = {row["feature"]: float(row["start_bits"]) for row in weight_rows}
    weights, levels = estimate(pairs, match_rules(project()), start, companies)
    for row in weight_rows:
        row["weight_bits"] = str(weights[row["feature"]])
    by_key = {(level.relation, level.comparison, level.level): level for level in levels}
    for row in level_rows:
        level = by_key[row["relation"], row["comparison"], row["level"]]
        row["m_share"], row["u_share"] = f"{level.m_share:.4g}", f"{level.u_share:.4g}"
        if level.u_share > 0.999:
            row["u_share"] = str(level.u_share)
    for name, rows_out in (("match_weights", weight_rows), ("match_levels", level_rows)):
        target = PROJECT_DIR / "seeds" / "identity" / f"{name}.csv"
        with target.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(rows_out[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows_out)
        print(f"Written: {target.relative_to(PROJECT_DIR)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the two commands; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.commands.match_review",
        description="Judges pairs of company names, or estimates match review's parameters.",
    )
    command = parser.add_mutually_exclusive_group(required=True)
    command.add_argument("--pairs", type=Path, metavar="CSV", help="pairs of names to judge")
    command.add_argument(
        "--estimate", type=Path, metavar="CSV", help="labelled pairs to learn from"
    )
    parser.add_argument("--output", type=Path, metavar="CSV", help="where the judged pairs go")
    parser.add_argument(
        "--companies", type=int, metavar="N", help="names the labelled strangers were chosen from"
    )
    options = parser.parse_args(arguments)
    if options.estimate and (options.companies or 0) < 2:
        parser.error("--estimate needs --companies")
    try:
        if options.pairs:
            judge_file(options.pairs, options.output)
        else:
            estimate_file(options.estimate, options.companies)
    except (OSError, ValueError) as error:
        print("\n".join(lines(error)), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
