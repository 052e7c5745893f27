"""Whose rules are in force: general ones, and over them those of a company in its own folder.

`seeds/` and the vars of `dbt_project.yml` hold for any company. RULES_DIR (`rules/` where it is)
holds what a company has set: `<seed>.csv` stands in for the seed of that name, `vars.yml` gives
vars other values. dbt and everything that reads rules see one project: where a company has rules it
is put together of links in `target/companies/`, so several companies share one checkout. What lies
in `RULES_DIR/proposed` is not in force.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.settings import PROJECT_DIR, SettingsError, company_name, rules_dir

PROJECT_FILE = "dbt_project.yml"
VARS_FILE = "vars.yml"
PROPOSED = "proposed"
MAPPINGS = "mappings"
# Seeds that Python reads, in the project.
FEEDS_SEED = Path("seeds/landing/feeds.csv")
LIVE_SINCE_SEED = Path("seeds/landing/live_since.csv")
COMPANY_RULES = Path("seeds/company/company_rules.csv")
ROW_FATES_SEED = Path("seeds/landing/row_fates.csv")
LINKED = ("models", "macros", "tests", "profiles", "requirements.lock")
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def project(environment: Mapping[str, str] | None = None) -> Path:
    """The folder that dbt and the readers of rules take for the project.

    The checkout itself where no company has rules. Raises SettingsError.
    """
    folder = rules_dir(os.environ if environment is None else environment)
    if folder is None:
        return PROJECT_DIR
    # Asked for hundreds of times in a run. Files that come and go change their folder; what stands
    # in a rule needs no other link.
    made_from = (folder, folder / PROPOSED, folder / VARS_FILE, PROJECT_DIR / PROJECT_FILE)
    changed_at = tuple(_changed_at(path) for path in made_from)
    if not _composed(folder, changed_at).exists():  # somebody has tidied up
        _composed.cache_clear()
    return _composed(folder, changed_at)


@lru_cache(maxsize=8)
def _composed(folder: Path, _: tuple[int, ...]) -> Path:
    return compose(folder, PROJECT_DIR)


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def compose(folder: Path, project_dir: Path) -> Path:
    """Puts the project of a company together; gives its folder, which stays the same.

    folder: the company's rules. Writes only what is not there yet, each in one step, so that
    several processes may do it at a time. Raises SettingsError.
    """
    general = {path.stem: path for path in (project_dir / "seeds").rglob("*.csv")}
    own = own_files(folder)
    faults = [
        f"{path}: no rule has this name. Known are {', '.join(sorted(general))}."
        for name, path in sorted(own.items())
        if name not in general
    ]
    text, wrong = _project_file(folder, project_dir)
    if faults + wrong:
        raise SettingsError("\n".join(faults + wrong))
    place = project_dir / "target" / "companies" / _key(folder)
    wanted = {Path(name): project_dir / name for name in LINKED}
    for path in (project_dir / "seeds").rglob("*"):
        if path.is_file():
            wanted[path.relative_to(project_dir)] = (
                own.get(path.stem, path) if (path.suffix == ".csv") else path
            )
    wanted.pop(COMPANY_RULES)
    for name, to in wanted.items():
        _link(place / name, to)
    for path in (place / "seeds").rglob("*"):
        if path.is_symlink() and path.relative_to(place) not in wanted:
            path.unlink(missing_ok=True)
    _write(place / PROJECT_FILE, text)
    _write(place / COMPANY_RULES, _company_rules(folder, project_dir))
    return place


def _company_rules(folder: Path, project_dir: Path) -> str:
    """The seed company_rules, with who has set each of them."""
    with (project_dir / COMPANY_RULES).open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        names, rows = reader.fieldnames or [], list(reader)
    own, proposed = own_files(folder), own_files(folder / PROPOSED)
    for row in rows:
        if row["rule"] in own:
            row["set_by"] = "company"
        elif row["rule"] in proposed:
            row["set_by"] = "proposed"
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def own_files(folder: Path) -> dict[str, Path]:
    """The seeds that a company has set, by name."""
    return {path.stem: path for path in sorted(folder.glob("*.csv")) if path.is_file()}


def own_vars(folder: Path) -> dict[str, Any]:
    """The vars that a company has set. Raises SettingsError."""
    path = folder / VARS_FILE
    if not path.exists():
        return {}
    try:
        read = yaml.load(path.read_text(encoding="utf-8"), YAML_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: does not read as YAML: {error}") from None
    if read is None:
        return {}
    if not isinstance(read, dict):
        raise SettingsError(f"{path}: write one var a line, such as default_currency: EUR.")
    return {str(name): value for name, value in read.items()}


def mapping_folders(rules: Path | None) -> tuple[Path, ...]:
    """Where mappings of systems stand (docs/mappings.md): a company's own go before the shipped."""
    shipped = PROJECT_DIR / MAPPINGS
    return (shipped,) if rules is None else (rules / MAPPINGS, shipped)


def source_of(project_dir: Path, file: str) -> str:
    """The file that a person edits for a file of the project: of a company its own.

    file: a path in the project, as in `seeds/fit/fit_criteria.csv`.
    """
    path = project_dir / file
    if not path.is_symlink():
        return file
    to = path.readlink()
    return str(to.relative_to(PROJECT_DIR)) if to.is_relative_to(PROJECT_DIR) else str(to)


def rule_file(seed: Path) -> str:
    """Where a rule is written, as a remedy says it; the macro of this name says it in SQL.

    seed: its path in the project.
    """
    return f"RULES_DIR/{seed.name} (not there yet? copy it from {seed.parent.as_posix()})"


def _project_file(folder: Path, project_dir: Path) -> tuple[str, list[str]]:
    """dbt_project.yml with the company's vars in it, comments and lines as they are; and faults."""
    text = (project_dir / PROJECT_FILE).read_text(encoding="utf-8")
    places = _places_of_vars(text)
    faults = []
    values = own_vars(folder)
    for name in values.keys() - places.keys():
        faults.append(
            f"{folder / VARS_FILE}: no var has the name {name}. {PROJECT_FILE} lists them."
        )
    for name in sorted(values.keys() & places.keys(), key=lambda name: -places[name][0]):
        start, end = places[name]
        # A value over several lines ends in front of what follows it.
        kept = text[start:end]
        tail = kept[len(kept.rstrip()) :]
        text = text[:start] + json.dumps(values[name], ensure_ascii=False) + tail + text[end:]
    return text, sorted(faults)


@cache
def _places_of_vars(text: str) -> dict[str, tuple[int, int]]:
    root: Any = yaml.compose(text, YAML_LOADER)
    (variables,) = (value for key, value in root.value if key.value == "vars")
    return {
        key.value: (value.start_mark.index, value.end_mark.index) for key, value in variables.value
    }


def _key(folder: Path) -> str:
    """A name for the company's place, told apart from others of the same name."""
    said = re.sub(r"[^A-Za-z0-9_-]", "_", company_name(folder))
    return f"{said}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


def _write(path: Path, text: str) -> None:
    if path.exists() and not path.is_symlink() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _link(path: Path, to: Path) -> None:
    if path.is_symlink() and path.readlink() == to:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(to)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    draft.replace(path)
