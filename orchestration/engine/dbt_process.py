"""dbt in a process of its own, beside Dagster's.

Dagster writes down what dbt has built while dbt goes on. In one interpreter each would wait for the
other; in two they share only the machine. The process starts once, parses while the landing files
are taken in, and serves every build of a run. It ends with the process that started it, however
that ends, so nothing is left behind that writes to the warehouse.

`python -m orchestration.engine.dbt_process` reads pickled requests from standard input, and answers
on standard output with what each build gives, then with its DbtError if it has one, then with None.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO, NamedTuple, cast

from orchestration.engine import build as builder
from orchestration.engine import dbt_runner
from orchestration.engine.dbt_runner import DbtError, NodeResult
from orchestration.settings import NO_TRACKING, PROJECT_DIR, Settings


class Request(NamedTuple):
    """What `build` is called with; without ids, only to parse."""

    settings: Settings
    unique_ids: Sequence[str]
    environment: Mapping[str, str]


def prepare(settings: Settings) -> None:
    """Starts the process, and waits for it only if target/manifest.json is not up to date.

    Raises DbtError.
    """
    if dbt_runner.has_parsed():
        return
    is_stale = dbt_runner.is_stale()
    process = _process()
    process.send(Request(settings, (), {}))
    if is_stale:
        for _ in process.results():
            pass


def build(
    settings: Settings, unique_ids: Sequence[str], environment: Mapping[str, str]
) -> Iterator[NodeResult]:
    """As `engine.build.build`, and in this very process if it has parsed the project already."""
    if dbt_runner.has_parsed():
        return builder.build(settings, unique_ids, environment)
    process = _process()
    process.send(Request(settings, [*unique_ids], {**environment}))
    return process.results()


class _Process:
    """The process, as seen from outside. It takes one request at a time."""

    def __init__(self) -> None:
        path = [str(PROJECT_DIR), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                **NO_TRACKING,
                "PYTHONPATH": os.pathsep.join(path),
                # Python would warn that it tidies up after a process that ends at once.
                "PYTHONWARNINGS": "ignore",
            },
        )
        self._answers: Iterator[NodeResult | DbtError | None] = iter(())

    def send(self, request: Request) -> None:
        """Asks, after the answers to what was asked before, which nobody wants any more."""
        for _ in self._answers:
            pass
        requests = cast(BinaryIO, self._process.stdin)
        with suppress(BrokenPipeError):  # said when there is no answer
            pickle.dump(request, requests)
            requests.flush()
        self._answers = iter(self._answer, None)

    def results(self) -> Iterator[NodeResult]:
        """Gives the results as they come. Who stops listening waits for the end all the same."""
        try:
            for answer in self._answers:
                if isinstance(answer, DbtError):
                    raise answer
                if answer is not None:
                    yield answer
        finally:
            for _ in self._answers:
                pass

    def _answer(self) -> NodeResult | DbtError | None:
        try:
            answer: NodeResult | DbtError | None = pickle.load(cast(BinaryIO, self._process.stdout))
        except EOFError:
            raise DbtError(
                f"The process of dbt ended too early (exit code {self._process.wait()}), for want"
                " of memory or because somebody ended it. Run the same command again to go on."
            ) from None
        return answer


@cache
def _process() -> _Process:
    return _Process()


def _serve() -> None:
    # Ctrl-C is for the process that asks; this one ends when the other does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What dbt prints goes where errors go: standard output is for answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests: SimpleQueue[Request] = SimpleQueue()
    Thread(target=_listen, args=(requests,), daemon=True).start()

    def answer(what: NodeResult | DbtError | None) -> None:
        pickle.dump(what, answers)
        answers.flush()

    gc.set_threshold(dbt_runner.OBJECTS_BETWEEN_COLLECTIONS)
    while True:
        settings, unique_ids, environment = requests.get()
        try:
            if not dbt_runner.has_parsed():
                dbt_runner.parse(settings)
                gc.freeze()
            for result in builder.build(settings, unique_ids, environment) if unique_ids else ():
                answer(result)
        except DbtError as error:
            answer(error)
        answer(None)


def _listen(requests: SimpleQueue[Request]) -> None:
    try:
        while True:
            requests.put(pickle.load(sys.stdin.buffer))
    except EOFError:  # whoever asks is gone
        os._exit(1)


if __name__ == "__main__":
    _serve()
