"""What the environment says: where files are and which days to run.

What belongs here: names, defaults and checks of environment variables, and paths inside the
project. What does not: anything that opens the database or the landing files.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PROJECT_DIR = Path(__file__).absolute().parent.parent
MODELS_DIR = PROJECT_DIR / "models"
# Not named like the schema in it: DuckDB names a database after its file, and would not know which
# of the two `marts.accounts` means.
PUBLISHED_FILE = "activation_gap.duckdb"

# First day that can be refreshed at all.
FIRST_DAY = date(2015, 1, 1)

# Of a company whose RULES_DIR is named they stand in a folder of its own, data/<company>.
DEFAULTS = {
    "LANDING_DIR": "landing",
    "WAREHOUSE_PATH": "warehouse.duckdb",
    "PUBLISHED_DIR": "published",
}
RULES = "rules"
# The simulated company has rules like any other.
DEMO_RULES = PROJECT_DIR / "orchestration" / "demo" / RULES

# Nothing here reports usage to anybody.
NO_TRACKING = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DAGSTER_DISABLE_TELEMETRY": "1",
}


# Versions of what is published that stay: today's, and two to go back to. Each takes as much disk
# as the marts, and holds on to what was restricted on its day.
KEEP_VERSIONS = 3
# Yesterday's delivery day ends at 12:00 UTC. Who reads the marts in the morning of America has them
# an hour or two after this, whatever is missing.
WAIT_UNTIL = 18
# DuckDB's own: as much memory as it wants up to 80% of the machine's, and what does not fit beside
# the warehouse.
MEMORY_LIMIT = ""
LEAST_MEGABYTES = 500
SPILL_DIR = ""
# The umask with which the command was started, for processes started from here.
UMASK = "ACTIVATION_GAP_UMASK"
# Checks whose findings CONFIRM may name (CHECKS in runs/circuit_breakers.py).
CONFIRMABLE = ("raw_rows", "empty_column", "fewer_meet", "mass_deletion")
# Where Dagster's days begin, for a process that knows which days it will run.
DAYS_FROM = "ACTIVATION_GAP_DAYS_FROM"


class SettingsError(ValueError):
    """An environment variable cannot be used; the message says which one and what to do."""


@dataclass(frozen=True)
class Settings:
    """Paths are absolute. start_date and end_date are None where the job is to choose.

    confirm: checks of the circuit breakers whose findings a person holds for right. keep_versions:
    how many versions of what is published stay, the current one among them. wait_until: the hour
    (UTC) up to which the schedule waits for yesterday's files. memory_limit, such as 6GB: what the
    database may take; spill_dir: where it moves what does not fit. Empty: as DuckDB does.
    """

    landing_dir: Path
    warehouse_path: Path
    published_dir: Path
    start_date: date | None = None
    end_date: date | None = None
    confirm: tuple[str, ...] = ()
    keep_versions: int = KEEP_VERSIONS
    wait_until: int = WAIT_UNTIL
    memory_limit: str = MEMORY_LIMIT
    spill_dir: str = SPILL_DIR

    @property
    def published_path(self) -> Path:
        return self.published_dir / PUBLISHED_FILE

    @property
    def lock_path(self) -> Path:
        return self.warehouse_path.with_name(self.warehouse_path.name + ".lock")

    def as_environment(self) -> dict[str, str]:
        """What dbt and processes that are started from here read, as environment variables."""
        return {
            "LANDING_DIR": str(self.landing_dir),
            "WAREHOUSE_PATH": str(self.warehouse_path),
            "PUBLISHED_DIR": str(self.published_dir),
            "KEEP_VERSIONS": str(self.keep_versions),
            "WAIT_UNTIL": str(self.wait_until),
            "MEMORY_LIMIT": self.memory_limit,
            "SPILL_DIR": self.spill_dir,
        }


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; relative paths count from the project folder.

    Raises SettingsError with all that is wrong, one fault a line.
    """
    settings, faults = read_settings(environment)
    if faults or settings is None:
        raise SettingsError("\n".join(faults))
    return settings


def read_settings(
    environment: Mapping[str, str] | None = None,
) -> tuple[Settings | None, list[str]]:
    """Settings and what is wrong with them; None instead of them where a path leads nowhere."""
    environment = os.environ if environment is None else environment
    faults: list[str] = []

    def read(reader: Callable[[Mapping[str, str], str], T], name: str) -> T | None:
        try:
            return reader(environment, name)
        except SettingsError as error:
            faults.append(str(error))
            return None

    landing_dir, warehouse_path, published_dir = (read(path_of, name) for name in DEFAULTS)
    start_date, end_date = read(_date, "START_DATE"), read(_date, "END_DATE")
    confirm = read(_confirm, "CONFIRM") or ()
    keep_versions = read(_keep_versions, "KEEP_VERSIONS") or KEEP_VERSIONS
    wait_until = read(_wait_until, "WAIT_UNTIL") or WAIT_UNTIL
    memory_limit = read(_memory_limit, "MEMORY_LIMIT") or MEMORY_LIMIT
    spill_dir = str(read(_spill_dir, "SPILL_DIR") or SPILL_DIR)
    if start_date and end_date and start_date > end_date:
        faults.append(
            f"START_DATE {start_date} is after END_DATE {end_date}. Swap them, or leave one out."
        )
    if not (landing_dir and warehouse_path and published_dir):
        return None, faults
    settings = Settings(
        landing_dir=landing_dir,
        warehouse_path=warehouse_path,
        published_dir=published_dir,
        start_date=start_date,
        end_date=end_date,
        confirm=confirm,
        keep_versions=keep_versions,
        wait_until=wait_until,
        memory_limit=memory_limit,
        spill_dir=spill_dir,
    )
    if os.path.isdir(warehouse_path):
        faults.append(
            f"WAREHOUSE_PATH is {warehouse_path}, a folder. Name a file, such as"
            f" {warehouse_path / 'warehouse.duckdb'}."
        )
    folders = [("LANDING_DIR", landing_dir), ("PUBLISHED_DIR", published_dir)]
    for name, folder in [*folders, *([("SPILL_DIR", Path(spill_dir))] if spill_dir else [])]:
        if os.path.exists(folder) and not os.path.isdir(folder):
            faults.append(f"{name} is {folder}, which is a file. Name a folder.")
    if warehouse_path in (settings.published_path, settings.published_path.resolve()):
        faults.append(
            f"WAREHOUSE_PATH and the published copy are the same file, {settings.published_path}."
            " Give WAREHOUSE_PATH another name or PUBLISHED_DIR another folder."
        )
    return settings, faults


def parse_date(name: str, text: str) -> date:
    """A date written YYYY-MM-DD. Raises SettingsError that names the setting `name`."""
    try:
        if len(text) != len("YYYY-MM-DD"):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{name} is '{text}', which is not a date. Write it as YYYY-MM-DD, such as 2026-06-30."
        ) from None
    if day < FIRST_DAY:
        raise SettingsError(f"{name} is {day}, but the first day that can be run is {FIRST_DAY}.")
    return day


def parse_confirm(text: str) -> tuple[str, ...]:
    """Names of checks, separated by commas. Raises SettingsError that lists the known ones."""
    if not text.strip():
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in CONFIRMABLE:
            raise SettingsError(
                f"CONFIRM names '{name}', which is no check. Known are {', '.join(CONFIRMABLE)};"
                " several are separated by commas."
            )
    return names


def dagster_home() -> Path:
    """The folder in which Dagster keeps its runs, made ready and announced to Dagster.

    `.dagster` unless DAGSTER_HOME names another. A `dagster.yaml` that is not ours stays.
    """
    given = os.environ.get("DAGSTER_HOME", "").strip()
    home = home_path(os.environ)
    home.mkdir(parents=True, exist_ok=True)
    source, target = PROJECT_DIR / "orchestration" / "dagster.yaml", home / "dagster.yaml"
    if not target.exists() or (not given and target.read_bytes() != source.read_bytes()):
        shutil.copyfile(source, target)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def home_path(environment: Mapping[str, str]) -> Path:
    """Where Dagster keeps its runs. Raises SettingsError for a path that leads nowhere."""
    given = environment.get("DAGSTER_HOME", "").strip()
    if given:
        return _resolved("DAGSTER_HOME", Path(given))
    return (_data_dir(environment) if _is_named(environment) else PROJECT_DIR) / ".dagster"


def rules_dir(environment: Mapping[str, str]) -> Path | None:
    """The folder with a company's rules; None where no company has any.

    `rules` in the checkout, if it is there, unless RULES_DIR names another. Raises SettingsError
    for one that is not there.
    """
    folder = rules_path(environment)
    if folder.is_dir():
        return folder
    if _is_named(environment):
        raise SettingsError(
            f"RULES_DIR is {folder}, and no folder is there. Make it, or let make init do so;"
            " without RULES_DIR the general rules hold."
        )
    return None


def company_name(rules: Path) -> str:
    """The name of the folder with a company's rules, or of the one around it if it says `rules`."""
    return rules.parent.name if rules.name == RULES else rules.name


def _is_named(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("RULES_DIR", "").strip())


def rules_path(environment: Mapping[str, str]) -> Path:
    """Where a company's rules are or would be. Raises SettingsError."""
    given = environment.get("RULES_DIR", "").strip()
    return _resolved("RULES_DIR", Path(given or RULES).expanduser())


def _data_dir(environment: Mapping[str, str]) -> Path:
    data = PROJECT_DIR / "data"
    return data / company_name(rules_path(environment)) if _is_named(environment) else data


def spill_path(environment: Mapping[str, str]) -> Path | None:
    """Where the database moves what does not fit; None where DuckDB chooses."""
    return _spill_dir(environment, "SPILL_DIR")


def keep_files_private() -> None:
    """What this process and those it starts write from now on is for its owner alone.

    The warehouse, its log and what it moves to disk hold raw data: addresses, names, words.
    """
    os.environ.setdefault(UMASK, f"{os.umask(0o077):o}")


@contextmanager
def as_umask_says() -> Iterator[None]:
    """Files written inside are for whom the umask of the person who started the command says."""
    if UMASK not in os.environ:
        yield
        return
    before = os.umask(int(os.environ[UMASK], 8))
    try:
        yield
    finally:
        os.umask(before)


def path_of(environment: Mapping[str, str], name: str) -> Path:
    """A path that has a default. Raises SettingsError for one that leads nowhere."""
    given = environment.get(name, "").strip()
    default = _data_dir(environment) / DEFAULTS[name]
    return _resolved(name, Path(given).expanduser() if given else default)


def _resolved(name: str, given: Path) -> Path:
    path = PROJECT_DIR / given
    try:
        # Python 3.13 resolves what goes round in circles without a word; stat does not.
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            path.stat()
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        why = (
            "links that lead round in a circle"
            if getattr(error, "errno", 0) == errno.ELOOP
            else str(error)
        )
        raise SettingsError(
            f"{name} is {str(path)!r}, which cannot be followed: {why}. Give it another path."
        ) from None


def _number(environment: Mapping[str, str], name: str, default: int, allowed: range) -> int:
    given = environment.get(name, "").strip()
    try:
        number = int(given) if given else default
    except ValueError:
        number = allowed.start - 1
    if number not in allowed:
        raise SettingsError(
            f"{name} is '{given}'. Give a whole number from {allowed.start} to {allowed.stop - 1}."
        )
    return number


def _keep_versions(environment: Mapping[str, str], name: str) -> int:
    return _number(environment, name, KEEP_VERSIONS, range(1, 1001))


def _wait_until(environment: Mapping[str, str], name: str) -> int:
    return _number(environment, name, WAIT_UNTIL, range(13, 24))


def _memory_limit(environment: Mapping[str, str], name: str) -> str:
    given = environment.get(name, "").strip()
    if given and not re.fullmatch(r"\d+(\.\d+)? ?[MGT]i?B", given):
        raise SettingsError(f"{name} is '{given}'. Write it as 6GB or 500MB.")
    size = float(re.sub(r"[^\d.]", "", given) or 0) * {"M": 1, "G": 1000, "T": 10**6}.get(
        given.rstrip("B").rstrip("i")[-1:], 0
    )
    if given and size < LEAST_MEGABYTES:
        raise SettingsError(
            f"{name} is '{given}', with which no refresh gets through. Give {LEAST_MEGABYTES}MB or"
            " more."
        )
    return given


def _spill_dir(environment: Mapping[str, str], name: str) -> Path | None:
    given = environment.get(name, "").strip()
    return _resolved(name, Path(given).expanduser()) if given else None


def _date(environment: Mapping[str, str], name: str) -> date | None:
    given = environment.get(name, "").strip()
    return parse_date(name, given) if given else None


def _confirm(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return parse_confirm(environment.get(name, ""))
