"""Says which long step is running and how long each took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestration.terminal import printable


@dataclass
class StageTimes:
    """Seconds by stage, in the order in which they ran. A stage that ran twice is summed."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announces the stage, and says at its end how long it took, also if it failed."""
        say(f"{name} ...")
        started = time.perf_counter()
        outcome = "failed after"
        try:
            yield
            outcome = "done in"
        finally:
            took = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + took
            say(f"{name}: {outcome} {took:.1f} s")


def say(line: str) -> None:
    """Prints a line at once, so that a person who waits sees it; it may name anything."""
    print(printable(line), flush=True)


# The stages of the run of this process.
TIMES = StageTimes()
