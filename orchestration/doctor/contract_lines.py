"""Where the contract says something, and the very line to write there instead."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.doctor.findings import Setting
from orchestration.landing.contract import YAML_LOADER, Output, Table
from orchestration.project import mapping_folders
from orchestration.settings import MODELS_DIR, PROJECT_DIR, rules_dir

# How a mapping calls what a table's meta says.
IN_A_MAPPING = {"nulls": "nulls", "date_formats": "dates", "number_style": "numbers"}
DOC = re.compile(r"""\{\{\s*doc\(['"](\w+)['"]\)\s*\}\}""")


def also(table: Table, column: str, name: str) -> Setting:
    """The line by which a column is known by one more name."""
    if table.mapping:
        of_files = dict(table.mapping.columns).get(column, ())
        place = ("files", table.mapping.folder, "columns")
        return _of_mapping(table.mapping, place, f"{column}: {_flow([*of_files, name])}")
    names = next(each.also for each in table.columns if each.name == column)
    return _of_column(table, column, {"also": [*names, name]})


def of_table(table: Table, key: str, values: Sequence[str] | str) -> Setting:
    """The line of a table's meta that says how values are written."""
    if table.mapping:
        said = values if isinstance(values, str) else list(values)
        folder = ("files", table.mapping.folder)
        place = folder if _says(table.mapping, folder, IN_A_MAPPING[key]) else ()
        return _of_mapping(table.mapping, place, f"{IN_A_MAPPING[key]}: {_flow(said)}")
    file = file_of(table.source)
    node = _tables(file).get(table.name)
    meta = _child(_child(node, "config"), "meta")
    shown = _flow(list(values) if not isinstance(values, str) else values)
    line = 0
    if meta is not None:
        present = [name.start_mark.line for name, _ in meta.value if name.value == key]
        # In its own place where the key is there, else above the first one of the meta.
        line = (present[0] if present else meta.start_mark.line) + 1
    return Setting(_shown(file), line, f"{key}: {shown}")


def key_of(table: Table, key: str) -> str:
    """How the file that declares the table calls what its meta says."""
    return IN_A_MAPPING[key] if table.mapping else key


def copy_of(output: Output) -> str:
    """Where a company's own copy of a mapping belongs; nothing where it has one."""
    folders = mapping_folders(rules_dir(os.environ))
    file = _mapping_file(output)
    return "" if len(folders) < 2 or file.parent == folders[0] else f"{folders[0]}/"


def description(table: Table, column: str) -> str:
    """What the contract says that a column is, in words; nothing where it says nothing."""
    file = file_of(table.source)
    node = _columns(_tables(file).get(table.name)).get(column)
    text = _child(node, "description")
    said = str(text.value) if text is not None else ""
    return DOC.sub(lambda found: _docs().get(found[1], ""), said).strip()


@cache
def file_of(source: str) -> Path:
    """The source file that declares a source."""
    usual = MODELS_DIR / "staging" / source / f"_{source}__sources.yml"
    if usual.exists():
        return usual
    for path in sorted(MODELS_DIR.glob("staging/*/_*__sources.yml")):
        if f"name: {source}\n" in path.read_text(encoding="utf-8"):
            return path
    return usual


def _mapping_file(output: Output) -> Path:
    folders = mapping_folders(rules_dir(os.environ))
    paths = [folder / f"{output.system}.yml" for folder in folders]
    return next((path for path in paths if path.exists()), paths[0])


def _says(output: Output, place: Sequence[str], key: str) -> bool:
    """Whether the mapping has a key at a place."""
    file = _mapping_file(output)
    node: Any = None
    if file.exists():
        node = yaml.compose(file.read_text(encoding="utf-8"), YAML_LOADER)
    for name in (*place, key):
        node = _child(node, name)
    return node is not None


def _of_mapping(output: Output, place: Sequence[str], text: str) -> Setting:
    """A line of the mapping by which another system's files are read. place: the keys above it."""
    file = _mapping_file(output)
    line = 1
    if file.exists():
        node: Any = yaml.compose(file.read_text(encoding="utf-8"), YAML_LOADER)
        for key in place:
            node = _child(node, key)
        # Where the key stands already, its own line: another one of the name would be a fault.
        keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
        node = next((key for key in keys if text.startswith(f"{key.value}:")), node)
        line = node.start_mark.line + 1 if node is not None else 1
    shown = file.relative_to(PROJECT_DIR) if file.is_relative_to(PROJECT_DIR) else file
    return Setting(shown.as_posix(), line, text)


def _of_column(table: Table, column: str, changed: Mapping[str, Any]) -> Setting:
    file = file_of(table.source)
    node = _columns(_tables(file).get(table.name)).get(column)
    meta = _child(_child(node, "config"), "meta")
    had: dict[str, Any] = {}
    if meta is not None:
        had = yaml.load(yaml.serialize(meta), YAML_LOADER) or {}
    line = 0
    if node is not None:
        config = _child(node, "config")
        line = (config or node).start_mark.line + 1
    return Setting(_shown(file), line, f"config: {_flow({'meta': {**had, **changed}})}")


def _shown(file: Path) -> str:
    return file.relative_to(PROJECT_DIR).as_posix()


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return text.strip().removesuffix("\n...").strip()


@cache
def _tables(file: Path) -> dict[str, Any]:
    root = yaml.compose(file.read_text(encoding="utf-8"), YAML_LOADER)
    sources = _child(root, "sources")
    found = {}
    for source in sources.value if sources is not None else ():
        tables = _child(source, "tables")
        for table in tables.value if tables is not None else ():
            found[str(_child(table, "name").value)] = table
    return found


def _columns(table: Any) -> dict[str, Any]:
    columns = _child(table, "columns")
    if columns is None:
        return {}
    return {str(_child(column, "name").value): column for column in columns.value}


def _child(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


@cache
def _docs() -> dict[str, str]:
    texts = {}
    for path in MODELS_DIR.rglob("*.md"):
        for name, text in re.findall(
            r"\{%\s*docs (\w+)\s*%\}(.*?)\{%\s*enddocs\s*%\}",
            path.read_text(encoding="utf-8"),
            re.DOTALL,
        ):
            texts[name] = " ".join(text.split())
    return texts
