"""What the environment says: where files are and which days to run.

What belongs here: names, defaults and checks of environment variables, and paths inside the
project. What does not: anything that opens the database or the landing files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PROJECT_DIR = Path(__file__).absolute().parent.parent
MODELS_DIR = PROJECT_DIR / "models"
FEEDS_SEED = PROJECT_DIR / "seeds" / "landing" / "feeds.csv"
LIVE_SINCE_SEED = PROJECT_DIR / "seeds" / "landing" / "live_since.csv"
ROW_FATES_SEED = PROJECT_DIR / "seeds" / "landing" / "row_fates.csv"
# Not named like the schema in it: DuckDB names a database after its file, and would not know which
# of the two `marts.accounts` means.
PUBLISHED_FILE = "activation_gap.duckdb"

# First day that can be refreshed at all: the daily partitions begin here.
FIRST_DAY = date(2015, 1, 1)

DEFAULTS = {
    "LANDING_DIR": "data/landing",
    "WAREHOUSE_PATH": "data/warehouse.duckdb",
    "PUBLISHED_DIR": "data/published",
}

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
# The umask with which the command was started, for processes started from here.
UMASK = "ACTIVATION_GAP_UMASK"


class SettingsError(ValueError):
    """An environment variable cannot be used; the message says which one and what to do."""


@dataclass(frozen=True)
class Settings:
    """Paths are absolute. start_date and end_date are None where the job is to choose.

    confirm: checks of the circuit breakers whose findings a person holds for right. keep_versions:
    how many versions of what is published stay, the current one among them. wait_until: the hour
    (UTC) up to which the schedule waits for yesterday's files.
    """

    landing_dir: Path
    warehouse_path: Path
    published_dir: Path
    start_date: date | None = None
    end_date: date | None = None
    confirm: tuple[str, ...] = ()
    keep_versions: int = KEEP_VERSIONS
    wait_until: int = WAIT_UNTIL

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
        }


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; relative paths count from the project folder.

    Raises SettingsError.
    """
    environment = os.environ if environment is None else environment
    settings = Settings(
        landing_dir=_path(environment, "LANDING_DIR"),
        warehouse_path=_path(environment, "WAREHOUSE_PATH"),
        published_dir=_path(environment, "PUBLISHED_DIR"),
        start_date=_date(environment, "START_DATE"),
        end_date=_date(environment, "END_DATE"),
        confirm=parse_confirm(environment.get("CONFIRM", "")),
        keep_versions=_number(environment, "KEEP_VERSIONS", KEEP_VERSIONS, range(1, 1001)),
        wait_until=_number(environment, "WAIT_UNTIL", WAIT_UNTIL, range(13, 24)),
    )
    _check(settings)
    return settings


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
    from orchestration.circuit_breakers import NAMES

    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in NAMES:
            raise SettingsError(
                f"CONFIRM names '{name}', which is no check. Known are {', '.join(NAMES)};"
                " several are separated by commas."
            )
    return names


def dagster_home() -> Path:
    """The folder in which Dagster keeps its runs, made ready and announced to Dagster.

    `.dagster` unless DAGSTER_HOME names another. A `dagster.yaml` that is not ours stays.
    """
    given = os.environ.get("DAGSTER_HOME", "").strip()
    home = (PROJECT_DIR / given).resolve() if given else PROJECT_DIR / ".dagster"
    home.mkdir(parents=True, exist_ok=True)
    source, target = PROJECT_DIR / "orchestration" / "dagster.yaml", home / "dagster.yaml"
    if not target.exists() or (not given and target.read_bytes() != source.read_bytes()):
        shutil.copyfile(source, target)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


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


def _path(environment: Mapping[str, str], name: str) -> Path:
    given = environment.get(name, "").strip()
    return (PROJECT_DIR / Path(given or DEFAULTS[name]).expanduser()).resolve()


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


def _date(environment: Mapping[str, str], name: str) -> date | None:
    given = environment.get(name, "").strip()
    return parse_date(name, given) if given else None


def _check(settings: Settings) -> None:
    if settings.start_date and settings.end_date and settings.start_date > settings.end_date:
        raise SettingsError(
            f"START_DATE {settings.start_date} is after END_DATE {settings.end_date}."
            " Swap them, or leave one out."
        )
    if settings.warehouse_path.is_dir():
        raise SettingsError(
            f"WAREHOUSE_PATH is {settings.warehouse_path}, a folder. Name a file, such as"
            f" {settings.warehouse_path / 'warehouse.duckdb'}."
        )
    for name, folder in (
        ("LANDING_DIR", settings.landing_dir),
        ("PUBLISHED_DIR", settings.published_dir),
    ):
        if folder.exists() and not folder.is_dir():
            raise SettingsError(f"{name} is {folder}, which is a file. Name a folder.")
    if settings.warehouse_path in (settings.published_path, settings.published_path.resolve()):
        raise SettingsError(
            f"WAREHOUSE_PATH and the published copy are the same file, {settings.published_path}."
            " Give WAREHOUSE_PATH another name or PUBLISHED_DIR another folder."
        )
