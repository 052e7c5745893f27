"""Runs dbt inside this process: parse once, build a selection, say what failed.

Starting the dbt command costs some ten seconds a hop (imports, version, parse), and one that
outlives a killed parent would go on writing to the warehouse. Inside a process of ours both hops of
a run share one parse. A refresh has one for dbt alone: `orchestration.engine.dbt_process`.

`python -m orchestration.engine.dbt_runner` prepares the manifest that Dagster's definitions are
made from.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from orchestration.engine import unchanged
from orchestration.engine.warehouse import connect
from orchestration.settings import NO_TRACKING, PROJECT_DIR, Settings, load_settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

MANIFEST_PATH = PROJECT_DIR / "target" / "manifest.json"
PARSED_FROM = ("dbt_project.yml", "profiles", "models", "seeds", "macros", "tests/data")
DATES = ("START_DATE", "END_DATE", "REPLAY_START_DATE", "RULESET_VERSION")
LIMITS = ("MEMORY_LIMIT", "SPILL_DIR")
SUCCESS = ("success", "pass")
UNCHANGED = "unchanged"
# dbt and Dagster make millions of objects that live as long as the run. Python would look through
# all of them for garbage again and again: a tenth of the time that parsing takes. Once they are
# loaded they are set aside (gc.freeze).
OBJECTS_BETWEEN_COLLECTIONS = 100_000
SHOWN_ROWS = 3


class DbtError(RuntimeError):
    """dbt could not start: a broken project, profile or model file. The message is dbt's own."""


@dataclass(frozen=True)
class NodeResult:
    """Outcome of a model, seed or test. status: success, pass, warn, error, fail or skipped.

    seconds: run time. failures: rows that a test returned, None for models. rows: the first of
    them, in words.
    """

    unique_id: str
    status: str
    message: str
    seconds: float
    failures: int | None
    rows: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.unique_id.split(".")[2]

    @property
    def is_failure(self) -> bool:
        return self.status in ("error", "fail", "runtime error")


def load_manifest() -> dict[str, Any]:
    """The manifest that belongs to the files as they are now, parsed again if it is older."""
    with _manifest_lock():
        if is_stale():
            parse(load_settings())
        manifest: dict[str, Any] = json.loads(MANIFEST_PATH.read_bytes())
    return manifest


def _manifest_lock() -> FileLock:
    """Held while the manifest is written: who read it then would have half of it."""
    MANIFEST_PATH.parent.mkdir(exist_ok=True)
    return FileLock(MANIFEST_PATH.with_suffix(".lock"), is_singleton=True)


def is_stale() -> bool:
    """Whether target/manifest.json is missing or older than a file that it is made from."""
    if not MANIFEST_PATH.exists():
        return True
    parsed_at = MANIFEST_PATH.stat().st_mtime_ns
    return any(
        path.stat().st_mtime_ns > parsed_at
        for start in PARSED_FROM
        for path in _files_and_folders(PROJECT_DIR / start)
    )


def has_parsed() -> bool:
    """Whether this process holds the parsed project."""
    return _parse.cache_info().currsize > 0


def parse(settings: Settings) -> Manifest:
    """Parses the project, and writes target/manifest.json if that is not up to date.

    The result is kept for the builds of this process.

    Raises DbtError.
    """
    return _parse(settings.warehouse_path.name)


@cache
def _parse(warehouse_file: str) -> Manifest:
    # dbt parses everything again when an environment variable that a file or the profile uses has
    # changed. Dates and limits matter only when something is built, and of the warehouse's path
    # only the file name does (it names the database), so parsing sees none of these.
    environment = {"WAREHOUSE_PATH": warehouse_file}
    with _manifest_lock(), process_environment(environment, without=(*DATES, *LIMITS)):
        from dbt.cli.main import dbtRunner

        # What is up to date stays as it is.
        written = ["--write-json" if is_stale() else "--no-write-json"]
        outcome = dbtRunner().invoke(["parse", *written, *flags()])
        if outcome.exception is not None or not outcome.success:
            raise DbtError(str(outcome.exception or "").strip() or "dbt cannot read the project")
        if is_stale():
            os.utime(MANIFEST_PATH)
    manifest: Manifest = outcome.result  # type: ignore[assignment]
    return manifest


def build(
    settings: Settings, unique_ids: Sequence[str], environment: Mapping[str, str]
) -> Iterator[NodeResult]:
    """Builds seeds and models and runs tests: exactly those named, in the order of the graph.

    Gives what succeeded as it ends, while dbt works on in a thread, and at the end what did not. A
    model whose own or earlier tests failed is skipped. What the warehouse holds just as it would be
    made is left as it is, and given first, with UNCHANGED as message. environment: the dates and
    the ruleset version of this run. Raises DbtError when dbt itself cannot run.
    """
    manifest = parse(settings)
    with connect(settings.warehouse_path) as warehouse:
        contents = unchanged.contents(manifest, warehouse)
        same = unchanged.unchanged(manifest, warehouse, unique_ids, contents)
    for unique_id in unique_ids:
        if unique_id in same:
            status = "pass" if unique_id.startswith("test.") else "success"
            yield NodeResult(unique_id, status, UNCHANGED, 0.0, None)
    changed = [unique_id for unique_id in unique_ids if unique_id not in same]
    if not changed:
        return
    built = []
    try:
        for result in _build(settings, manifest, changed, environment):
            if result.status in SUCCESS:
                built.append(result.unique_id)
            yield result
    finally:
        if contents.keys() & set(built):
            with connect(settings.warehouse_path) as warehouse:
                unchanged.remember(warehouse, built, contents)


def _build(
    settings: Settings,
    manifest: Manifest,
    unique_ids: Sequence[str],
    environment: Mapping[str, str],
) -> Iterator[NodeResult]:
    selection = selection_of(manifest, unique_ids)
    ended: SimpleQueue[NodeResult | None] = SimpleQueue()
    outcomes: list[Any] = []

    def heed(event: Any) -> None:
        if event.info.name == "NodeFinished" and event.data.run_result.status in SUCCESS:
            result = event.data.run_result
            ended.put(
                NodeResult(
                    unique_id=event.data.node_info.unique_id,
                    status=result.status,
                    message=result.message,
                    seconds=result.execution_time,
                    failures=None,
                )
            )

    def work() -> None:
        from dbt.cli.main import dbtRunner

        try:
            # Compiling writes into the manifest, and each build compiles its nodes anew.
            outcomes.append(
                dbtRunner(manifest=manifest, callbacks=[heed]).invoke(
                    ["build", "--no-write-json", *flags()],
                    **selection,
                    indirect_selection="empty",
                    # Naming a model selects its unit tests too; they want a built warehouse.
                    exclude_resource_types=("unit_test",),
                )
            )
        finally:
            close_connections()
            ended.put(None)

    with process_environment({**environment, **settings.as_environment()}):
        # Who stops a run waits for nothing: the end of the process ends a thread like this one.
        thread = Thread(target=work, name="dbt", daemon=True)
        thread.start()
        try:
            yield from iter(ended.get, None)
        except (Exception, GeneratorExit):
            thread.join()
            raise
        thread.join()
    if not outcomes or getattr(outcomes[0].result, "results", None) is None:
        message = str(outcomes[0].exception or "").strip() if outcomes else ""
        raise DbtError(message or "dbt stopped before its first model")
    for result in outcomes[0].result.results:
        if str(result.status) not in SUCCESS:
            yield NodeResult(
                unique_id=result.node.unique_id,
                status=str(result.status),
                message=str(result.message or ""),
                seconds=float(result.execution_time),
                failures=result.failures,
                rows=_first_rows(settings, result.node) if result.failures else (),
            )


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
    skipped = sum(result.status == "skipped" for result in results)
    if skipped:
        lines.append(f"{skipped} models and tests that build on these were left out.")
    return "\n".join(lines)


def _first_rows(settings: Settings, test: Any) -> tuple[str, ...]:
    """The first rows that a failed test returns: `column value` pairs, or the text if it is one."""
    query = f"select * from ({test.compiled_code}) as faults limit {SHOWN_ROWS}"
    with connect(settings.warehouse_path, read_only=True) as warehouse:
        table = warehouse.read(query)
    return tuple(
        str(row["fault"])
        if row.keys() == {"fault"}
        else ", ".join(f"{column} {value}" for column, value in row.items())
        for row in table.to_pylist()
    )


def flags() -> list[str]:
    return [
        "--quiet",
        "--log-level=none",
        "--log-level-file=none",
        f"--project-dir={PROJECT_DIR}",
        f"--profiles-dir={os.environ.get('DBT_PROFILES_DIR', PROJECT_DIR / 'profiles')}",
        f"--target-path={MANIFEST_PATH.parent}",
    ]


def selection_of(manifest: Manifest, unique_ids: Sequence[str]) -> dict[str, list[str]]:
    """dbt's options select and exclude, as short as can be: it compares each entry with every node.

    All that builds on a source is one entry, and so are all seeds with their tests, and all views
    of staging. What is left is named node by node.
    """
    gone = [unique_id for unique_id in unique_ids if unique_id not in manifest.nodes]
    if gone:
        raise DbtError(
            f"{gone[0]} is no longer in the project. Start the command again: the files changed"
            " after Dagster loaded them."
        )
    wanted, groups = set(unique_ids), _groups(manifest)
    selections = [{"select": _entries(manifest, groups, wanted)}]
    for entry, nodes in [("", set(manifest.nodes)), *groups.items()]:
        if wanted <= nodes:
            others = _entries(manifest, groups, nodes - wanted)
            selected = {"select": [entry]} if entry else {}
            selections.append({**selected, **({"exclude": others} if others else {})})
    return min(selections, key=lambda selection: sum(map(len, selection.values())))


def _entries(manifest: Manifest, groups: Mapping[str, set[str]], wanted: set[str]) -> list[str]:
    """Entries for just these nodes, of groups where they fit."""
    entries, rest = [], set(wanted)
    for entry, nodes in groups.items():
        if nodes & rest and nodes <= wanted:
            entries.append(entry)
            rest -= nodes
    return [*entries, *(".".join(manifest.nodes[name].fqn) for name in sorted(rest))]


def _groups(manifest: Manifest) -> dict[str, set[str]]:
    """Entries of dbt's options that stand for many nodes, with these."""
    files = {name: node.original_file_path for name, node in manifest.nodes.items()}
    seeds = {name for name, path in files.items() if path.startswith("seeds/")}
    views = {
        name
        for name, path in files.items()
        if name.startswith("model.") and path.startswith("models/staging/")
    }
    above = {f"source:{source}+": nodes for source, nodes in _builds_on(manifest).items()}
    return {**above, "path:seeds": seeds, "path:models/staging,resource_type:model": views}


def _builds_on(manifest: Manifest) -> dict[str, set[str]]:
    """The nodes that build on each source, directly or not."""
    children: dict[str, list[str]] = {}
    for node in manifest.nodes.values():
        for parent in node.depends_on_nodes:
            children.setdefault(parent, []).append(node.unique_id)
    found: dict[str, set[str]] = {}
    for source in manifest.sources.values():
        nodes = found.setdefault(source.source_name, set())
        ahead = [source.unique_id]
        while ahead:
            new = set(children.get(ahead.pop(), ())) - nodes
            nodes |= new
            ahead += new
    return found


def _files_and_folders(path: Path) -> Iterator[Path]:
    # Folders too: deleting a file changes only its folder.
    if path.exists():
        yield path
    if path.is_dir():
        yield from path.rglob("*")


def close_connections() -> None:
    """Lets go of the database file, which dbt would otherwise keep open in this process."""
    from dbt.adapters.factory import FACTORY

    FACTORY.cleanup_connections()  # type: ignore[no-untyped-call]
    for adapter in FACTORY.adapters.values():
        close_all = getattr(adapter.connections, "close_all_connections", None)
        if close_all:
            close_all()


@contextmanager
def process_environment(values: Mapping[str, str], without: Sequence[str] = ()) -> Iterator[None]:
    before = dict(os.environ)
    for name in without:
        os.environ.pop(name, None)
    os.environ.update({**NO_TRACKING, **values})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    try:
        load_manifest()
    except DbtError as error:
        sys.exit(f"dbt cannot read the project.\n{error}")
