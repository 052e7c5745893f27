"""Builds a part of the project: what stays is left, dbt builds the rest, the engine tests it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from orchestration.engine import data_tests, dbt_runner, unchanged
from orchestration.engine.dbt_runner import SKIPPED, SUCCESS, NodeResult
from orchestration.engine.warehouse import connect
from orchestration.settings import Settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

UNCHANGED = "unchanged"


def build(
    settings: Settings, unique_ids: Sequence[str], environment: Mapping[str, str]
) -> Iterator[NodeResult]:
    """Builds seeds and models and then runs tests: exactly those named.

    Gives what succeeded as it ends, and at the end what did not. What the warehouse holds just as
    it would be made is left as it is, and given first, with UNCHANGED as message. Seeds and their
    tests come before everything else, which is skipped if one of them fails. environment: the
    dates and the ruleset version of this run. Raises DbtError when dbt itself cannot run.
    """
    manifest = dbt_runner.parse(settings)
    dbt_runner.check_are_there(manifest, unique_ids)
    with connect(settings.warehouse_path) as warehouse:
        contents = unchanged.contents(manifest, warehouse)
        same = unchanged.unchanged(manifest, warehouse, unique_ids, contents)
    for unique_id in unique_ids:
        if unique_id in same:
            status = "pass" if _is_test(unique_id) else "success"
            yield NodeResult(unique_id, status, UNCHANGED, 0.0, None)
    changed = [unique_id for unique_id in unique_ids if unique_id not in same]
    fixed = [unique_id for unique_id in changed if unique_id in contents]
    others = [unique_id for unique_id in changed if unique_id not in contents]
    has_failed, built = False, []
    try:
        for result in _build_and_test(settings, manifest, fixed, environment):
            has_failed |= result.is_failure
            if result.status in SUCCESS:
                built.append(result.unique_id)
            yield result
    finally:
        if built:
            with connect(settings.warehouse_path) as warehouse:
                unchanged.remember(warehouse, built, contents)
    if has_failed:
        for unique_id in others:
            yield NodeResult(unique_id, SKIPPED, "", 0.0, None)
    else:
        yield from _build_and_test(settings, manifest, others, environment)


def describe_failures(results: Sequence[NodeResult]) -> str:
    """One paragraph per failed model or test, with dbt's message and where to look."""
    lines = []
    for result in results:
        if not result.is_failure:
            continue
        kind = result.unique_id.split(".")[0]
        message = result.message.strip().replace("\n", "\n    ")
        if kind == "test" and result.failures:
            message = f"{result.failures} rows that should not be there. {message}"
        lines.append(f"{kind} {result.name}: {message}")
        lines.extend(f"    {row}" for row in result.rows)
    skipped = sum(result.status == SKIPPED for result in results)
    if skipped:
        lines.append(f"{skipped} models and tests that build on these were left out.")
    return "\n".join(lines)


def _build_and_test(
    settings: Settings,
    manifest: Manifest,
    unique_ids: Sequence[str],
    environment: Mapping[str, str],
) -> Iterator[NodeResult]:
    tests = [unique_id for unique_id in unique_ids if _is_test(unique_id)]
    nodes = [unique_id for unique_id in unique_ids if not _is_test(unique_id)]
    unbuilt: set[str] = set()
    if nodes:
        for result in dbt_runner.build_nodes(settings, manifest, nodes, environment):
            if result.status not in SUCCESS:
                unbuilt.add(result.unique_id)
            yield result
    if tests:
        queries = data_tests.queries(settings, manifest)
        asked = {name: data_tests.for_run(queries[name], environment) for name in tests}
        with connect(settings.warehouse_path) as warehouse:
            yield from data_tests.run(warehouse, manifest, asked, unbuilt)


def _is_test(unique_id: str) -> bool:
    return unique_id.startswith("test.")
