"""Runs dbt inside this process: parse once, build a selection of models and seeds.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from orchestration.project import project
from orchestration.settings import NO_TRACKING, PROJECT_DIR, Settings, load_settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PARSED_FROM = ("dbt_project.yml", "profiles", "models", "seeds", "macros", "tests/data")
DATES = ("START_DATE", "END_DATE", "REPLAY_START_DATE", "RULESET_VERSION")
LIMITS = ("MEMORY_LIMIT", "SPILL_DIR")
SUCCESS = ("success", "pass")
SKIPPED = "skipped"
# dbt and Dagster make millions of objects that live as long as the run. Python would look through
# all of them for garbage again and again: a tenth of the time that parsing takes. Once they are
# loaded they are set aside (gc.freeze).
OBJECTS_BETWEEN_COLLECTIONS = 100_000
# Data tests are run otherwise (data_tests.py); unit tests want a built warehouse.
BUILT = ("model", "seed")


class DbtError(RuntimeError):
    """dbt could not start: a broken project, profile or model file. The message is dbt's own."""


@dataclass(frozen=True)
class NodeResult:
    """Outcome of a model, seed or test. status: success, pass, warn, error, fail or skipped.

    seconds: run time; tests of one statement share its time. failures: rows that a test returned,
    None for models. rows: the first of them, in words.
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


def manifest_path() -> Path:
    """Where dbt's manifest lies: each company's project has one."""
    return project() / "target" / "manifest.json"


def load_manifest() -> dict[str, Any]:
    """The manifest that belongs to the files as they are now, parsed again if it is older."""
    with _manifest_lock():
        if is_stale():
            parse(load_settings())
        manifest: dict[str, Any] = json.loads(manifest_path().read_bytes())
    return manifest


def _manifest_lock() -> FileLock:
    """Held while the manifest is written: who read it then would have half of it."""
    manifest_path().parent.mkdir(exist_ok=True)
    return FileLock(manifest_path().with_suffix(".lock"), is_singleton=True)


def is_stale() -> bool:
    """Whether target/manifest.json is missing or older than a file that it is made from."""
    manifest, place = manifest_path(), project()
    if not manifest.exists():
        return True
    parsed_at = manifest.stat().st_mtime_ns
    return any(
        path.stat().st_mtime_ns > parsed_at
        for start in PARSED_FROM
        for path in _files_and_folders(place / start)
    )


def has_parsed() -> bool:
    """Whether this process holds the parsed project."""
    return _parse.cache_info().currsize > 0


def parse(settings: Settings) -> Manifest:
    """Parses the project, and writes target/manifest.json if that is not up to date.

    The result is kept for the builds of this process.

    Raises DbtError.
    """
    return _parse(settings.warehouse_path.name, project())


@cache
def _parse(warehouse_file: str, _: Path) -> Manifest:
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
            os.utime(manifest_path())
    manifest: Manifest = outcome.result  # type: ignore[assignment]
    return manifest


def invoke(
    manifest: Manifest,
    command: Sequence[str],
    environment: Mapping[str, str],
    settings: Settings,
    heed: Callable[[Any], None] | None = None,
    **options: Any,
) -> Any:
    """Runs a command of dbt over the parsed project; gives dbt's results, node by node.

    environment: the dates and the ruleset version. heed: called with each of dbt's events. options:
    as dbt's runner takes them. Raises DbtError when dbt itself cannot run.
    """
    from dbt.cli.main import dbtRunner

    with process_environment({**environment, **settings.as_environment()}):
        try:
            # Compiling writes into the manifest, and each command compiles its nodes anew.
            outcome = dbtRunner(manifest=manifest, callbacks=[heed] if heed else []).invoke(
                [*command, "--no-write-json", *flags()], **options
            )
        finally:
            close_connections()
    results = getattr(outcome.result, "results", None)
    if results is None:
        message = str(outcome.exception or "").strip()
        raise DbtError(message or "dbt stopped before its first model")
    return results


def build_nodes(
    settings: Settings,
    manifest: Manifest,
    unique_ids: Sequence[str],
    environment: Mapping[str, str],
) -> Iterator[NodeResult]:
    """Builds models and seeds: exactly those named, in the order of the graph.

    Gives what succeeded as it ends, while dbt works on in a thread, and at the end what did not. A
    model that reads one that failed is skipped. Raises DbtError when dbt itself cannot run.
    """
    selection = selection_of(manifest, unique_ids)
    # Without seeds, `run` does the same and looks at no test.
    has_seeds = any(unique_id.startswith("seed.") for unique_id in unique_ids)
    command, types = ("build", {"resource_types": BUILT}) if has_seeds else ("run", {})
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
        try:
            outcomes.extend(
                invoke(manifest, [command], environment, settings, heed, **types, **selection)
            )
        except BaseException as error:
            outcomes.append(error)
        finally:
            ended.put(None)

    # Who stops a run waits for nothing: the end of the process ends a thread like this one.
    thread = Thread(target=work, name="dbt", daemon=True)
    thread.start()
    try:
        yield from iter(ended.get, None)
    except (Exception, GeneratorExit):
        thread.join()
        raise
    thread.join()
    for result in outcomes:
        if isinstance(result, BaseException):
            raise result
        if str(result.status) not in SUCCESS:
            yield NodeResult(
                unique_id=result.node.unique_id,
                status=str(result.status),
                message=str(result.message or ""),
                seconds=float(result.execution_time),
                failures=None,
            )


def check_are_there(manifest: Manifest, unique_ids: Sequence[str]) -> None:
    """Raises DbtError for a node that the project no longer has."""
    gone = [unique_id for unique_id in unique_ids if unique_id not in manifest.nodes]
    if gone:
        raise DbtError(
            f"{gone[0]} is no longer in the project. Start the command again: the files changed"
            " after Dagster loaded them."
        )


def flags() -> list[str]:
    return [
        "--quiet",
        "--log-level=none",
        "--log-level-file=none",
        f"--project-dir={project()}",
        f"--profiles-dir={os.environ.get('DBT_PROFILES_DIR', PROJECT_DIR / 'profiles')}",
        f"--target-path={manifest_path().parent}",
    ]


def selection_of(manifest: Manifest, unique_ids: Sequence[str]) -> dict[str, list[str]]:
    """dbt's options select and exclude, as short as can be: it compares each entry with every node.

    unique_ids: models and seeds. All that builds on a source is one entry, and so are all seeds,
    and all views of staging. What is left is named node by node.
    """
    built, wanted = _built(manifest), set(unique_ids)
    groups = _groups(manifest, built)
    selections = [{"select": _entries(manifest, groups, wanted)}]
    for entry, nodes in [("", built), *groups.items()]:
        if wanted <= nodes:
            others = _entries(manifest, groups, nodes - wanted)
            selected = {"select": [entry]} if entry else {}
            selections.append({**selected, **({"exclude": others} if others else {})})
    return min(selections, key=lambda selection: sum(map(len, selection.values())))


def _built(manifest: Manifest) -> set[str]:
    return {name for name, node in manifest.nodes.items() if node.resource_type in BUILT}


def _entries(manifest: Manifest, groups: Mapping[str, set[str]], wanted: set[str]) -> list[str]:
    """Entries for just these nodes, of groups where they fit."""
    entries, rest = [], set(wanted)
    for entry, nodes in groups.items():
        if nodes & rest and nodes <= wanted:
            entries.append(entry)
            rest -= nodes
    return [*entries, *(".".join(manifest.nodes[name].fqn) for name in sorted(rest))]


def _groups(manifest: Manifest, built: set[str]) -> dict[str, set[str]]:
    """Entries of dbt's options that stand for many models and seeds, with these."""
    folders = ("seeds", "models/staging")
    paths = {name: manifest.nodes[name].original_file_path for name in built}
    return {
        **{f"source:{name}+": above for name, above in _builds_on(manifest, built).items()},
        **{
            f"path:{folder}": {name for name in built if paths[name].startswith(f"{folder}/")}
            for folder in folders
        },
    }


def _builds_on(manifest: Manifest, built: set[str]) -> dict[str, set[str]]:
    """The models that build on each source, directly or not."""
    children: dict[str, list[str]] = {}
    for name in built:
        for parent in manifest.nodes[name].depends_on_nodes:
            children.setdefault(parent, []).append(name)
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
