"""Mappings: which file and column of a system is which of the input layer (docs/mappings.md).

One YAML file per system, `mappings/<system>.yml` here or in a company's rules, whose own goes
before the one shipped. What belongs here: reading these files, and all that is wrong with them,
told at once with the line. What does not: reading the files that they are about (files.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from orchestration.landing.contract import (
    NUMBER_STYLES,
    YAML_LOADER,
    Condition,
    ContractError,
    Output,
    System,
    Table,
    check_formats,
    plain_name,
)

LAYER = "crm"  # the dbt source whose tables mappings fill
ELSE, EMPTY = "*", ""  # keys in a map of values: any other text, no text
NOT_NULL = "not_null"
HEADER = {"about", "dates", "numbers", "nulls", "files"}
OF_FILE = {"dates", "numbers", "nulls", "also"}
OF_OUTPUT = {"table", "columns", "constants", "values", "prefix", "where", "key"}
OF_CONDITION = {"in", "not", NOT_NULL}
OPEN = "?"  # stands in a mapping for what its writer is to fill in


class Problem(NamedTuple):
    """What is wrong with a mapping: where, and what to do about it."""

    file: str
    line: int
    place: str
    value: object
    problem: str
    remedy: str


@lru_cache(maxsize=256)
def as_mapped(table: Table, output: Output) -> Table:
    """The table as the files of a mapping fill it."""
    return replace(
        table,
        mapping=output,
        derived=output.keys or table.derived,
        nulls=output.nulls,
        date_formats=output.date_formats,
        number_style=output.number_style,
    )


def load_mappings(
    folders: Sequence[Path], tables: Iterable[Table]
) -> tuple[dict[str, System], list[Problem]]:
    """The systems that are mapped, by name, and all that is wrong with their files.

    folders: a file in an earlier one goes before one of the same name in a later one. A system
    whose file has a fault is left out.
    """
    all_tables = list(tables)
    layer = {table.name: table for table in all_tables if table.source == LAYER}
    built_in = {table.source for table in all_tables}
    systems: dict[str, System] = {}
    problems: list[Problem] = []
    seen: set[str] = set()
    for path in (path for folder in folders for path in sorted(folder.glob("*.y*ml"))):
        if path.stem in seen:
            continue
        seen.add(path.stem)
        reader = _Reader(path, layer)
        system = reader.read(built_in)
        problems += reader.problems
        if not reader.problems and system:
            systems[path.stem] = system
    return systems, problems


@dataclass
class _Reader:
    """Reads one file. What it cannot use is told with its line, and left out."""

    path: Path
    layer: Mapping[str, Table]
    problems: list[Problem] = field(default_factory=list)

    def read(self, built_in: Iterable[str]) -> System | None:
        name = self.path.stem
        if name in built_in:
            self._tell(
                0, "", name, "is a source of its own, which needs no mapping",
                "Name the file after the folder in LANDING_DIR of the system that it maps",
            )  # fmt: skip
        try:
            root: Any = yaml.compose(self.path.read_text(encoding="utf-8"), YAML_LOADER)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            said = " ".join(str(getattr(error, "problem", None) or error).split())
            self._tell(
                mark.line + 1 if mark else 0, "", None, f"does not read as YAML: {said}",
                "Put texts with colons, commas or signs at their beginning between quotes",
            )  # fmt: skip
            return None
        document = self._mapping(root, "")
        self._known(document, HEADER, "")
        common = self._style(document, "", {})
        files = self._mapping(document["files"], "files") if "files" in document else {}
        if not files:
            self._tell(
                0, "files", None, "maps no folder",
                "Write a folder of the system under files:, with its table and columns",
            )  # fmt: skip
        folders: dict[str, tuple[Output, ...]] = {}
        for folder, node in files.items():
            if plain_name(folder) in folders:
                self._tell(
                    _line(node), folder, None, "is the name of two folders but for case and signs",
                    "Take one out",
                )  # fmt: skip
            folders[plain_name(folder)] = tuple(self._outputs(folder, node, common))
        return System(name, folders)

    def _outputs(self, folder: str, node: yaml.Node, common: Mapping[str, Any]) -> Iterator[Output]:
        parts = self._mapping(node, folder)
        self._known(parts, OF_FILE | OF_OUTPUT, folder)
        style = self._style(parts, folder, common)
        outputs = [self._output(folder, node, parts, style, True)]
        also = parts.get("also")
        if also is not None and not isinstance(also, yaml.SequenceNode):
            self._tell(
                _line(also), folder, None, "says also without a list",
                "Write what the file also gives as a list: - table: accounts",
            )  # fmt: skip
        elif also is not None:
            for one in also.value:
                more = self._mapping(one, folder)
                self._known(more, OF_OUTPUT, folder)
                outputs.append(self._output(folder, one, more, style, False))
        found = [output for output in outputs if output]
        tables = [output.table for output in found]
        for table in dict.fromkeys(tables):
            if tables.count(table) > 1:
                self._tell(
                    _line(node), folder, table, "is filled twice by one file",
                    "Give the columns in one place; several records of one row want a file each",
                )  # fmt: skip
        yield from found

    def _output(
        self,
        folder: str,
        node: yaml.Node,
        parts: Mapping[str, yaml.Node],
        style: Mapping[str, Any],
        is_first: bool,
    ) -> Output | None:
        name = self._text(parts["table"], folder) if "table" in parts else None
        table = self.layer.get(name or "")
        if table is None:
            problem = "is no table of the input layer" if name else "does not say its table"
            line = _line(parts["table"]) if "table" in parts else _line(node)
            known = ", ".join(self.layer)
            self._tell(line, folder, name, problem, f"Known are {known}{_meant(name, self.layer)}")
            return None
        where = f"{folder}, {name}"
        types = {column.name: column.data_type for column in table.columns}

        def of(part: str) -> dict[str, yaml.Node]:
            entries = self._mapping(parts[part], f"{where}, {part}") if part in parts else {}
            for column in list(entries):
                if column not in types:
                    self._tell(
                        _line(entries.pop(column)), f"{where}, {part}", column,
                        f"is no column of {name}", f"Known are {', '.join(types)}"
                        f"{_meant(column, types)}",
                    )  # fmt: skip
            return entries

        named = of("columns")
        columns = {column: self._names(given, where) for column, given in named.items()}
        constants = {
            column: self._text(given, where) or "" for column, given in of("constants").items()
        }
        values = {
            column: self._values(given, f"{where}, {column}", types[column])
            for column, given in of("values").items()
        }
        prefix = {column: self._text(given, where) or "" for column, given in of("prefix").items()}
        for column in constants.keys() & columns.keys():
            self._tell(
                _line(named[column]), where, column, "is mapped twice, to a column and a constant",
                "Take one out; for rows that leave it empty, give the empty text in values",
            )  # fmt: skip
        for column in values.keys() - columns.keys():
            self._tell(
                _line(parts["values"]), where, column, "has a map of values and no column",
                "Name its column under columns",
            )  # fmt: skip
        self._used_twice(columns, values, named, where)
        self._complete(table, columns, constants, parts, node, where)
        keys = self._keys(table, parts.get("key"), where)
        return Output(
            system=self.path.stem,
            folder=folder,
            table=table.name,
            columns=tuple(columns.items()),
            constants=tuple(constants.items()),
            values=tuple(values.items()),
            prefix=tuple(prefix.items()),
            where=tuple(self._conditions(parts.get("where"), where)),
            keys=keys,
            is_first=is_first,
            **style,
        )

    def _used_twice(
        self,
        columns: Mapping[str, Sequence[str]],
        values: Mapping[str, object],
        nodes: Mapping[str, yaml.Node],
        where: str,
    ) -> None:
        """A column of the file that fills two of ours says two things: one needs a map of them.

        As a last resort, behind other names, it may stand in several places.
        """
        users: dict[str, list[str]] = {}
        for column, names in columns.items():
            for name in map(plain_name, names[:1]):
                users.setdefault(name, []).append(column)
        for name, using in users.items():
            plain = [column for column in using if column not in values]
            if len(plain) > 1:
                shown = next(one for one in columns[plain[1]] if plain_name(one) == name)
                self._tell(
                    _line(nodes[plain[1]]), where, shown,
                    f"is mapped twice, to {plain[0]} and to {plain[1]}",
                    "Take one out, or say by values what its texts mean for one of them",
                )  # fmt: skip

    def _complete(
        self,
        table: Table,
        columns: Mapping[str, object],
        constants: Mapping[str, object],
        parts: Mapping[str, yaml.Node],
        node: yaml.Node,
        where: str,
    ) -> None:
        """What the table cannot do without must come from somewhere."""
        derived = dict(table.derived)
        for column in table.columns:
            if not column.is_required or column.name in (columns.keys() | constants.keys()):
                continue
            firsts = [group[0] for group in derived.get(column.name, ())]
            if "key" in parts and column.name in derived:
                continue
            if not any(first in columns for first in firsts):
                instead = f", or {' or '.join(firsts)}, which names it" if firsts else ""
                self._tell(
                    _line(node), where, column.name, "is needed and not mapped",
                    f"Name its column under columns{instead}",
                )  # fmt: skip

    def _keys(
        self, table: Table, node: yaml.Node | None, where: str
    ) -> tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]:
        if node is None:
            return ()
        groups: list[tuple[str, ...]] = []
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if all(isinstance(one, yaml.ScalarNode) for one in nodes):
            nodes = [node]
        for one in nodes:
            groups.append(self._names(one, where))
        known = {column.name for column in table.columns}
        for name in (name for group in groups for name in group if name not in known):
            self._tell(
                _line(node), f"{where}, key", name, f"is no column of {table.name}",
                f"Known are {', '.join(known)}{_meant(name, known)}",
            )  # fmt: skip
        if not table.derived:
            self._tell(
                _line(node), f"{where}, key", None, "names records of a table that needs no key",
                "Take it out",
            )  # fmt: skip
            return ()
        return ((table.derived[0][0], tuple(groups)),)

    def _values(
        self, node: yaml.Node, where: str, data_type: str
    ) -> tuple[tuple[str, str | None], ...]:
        found: dict[str, str | None] = {}
        for text, given in self._mapping(node, where).items():
            meaning = None if _is_null(given) else self._text(given, where)
            if data_type == "boolean" and meaning not in (None, "true", "false"):
                self._tell(_line(given), where, meaning, "is not true or false", "Write one")
            found[text.strip().lower()] = meaning
        return tuple(found.items())

    def _conditions(self, node: yaml.Node | None, where: str) -> Iterator[Condition]:
        if node is None:
            return
        for column, given in self._mapping(node, f"{where}, where").items():
            if isinstance(given, yaml.ScalarNode) and given.value == NOT_NULL:
                yield Condition(column)
            elif isinstance(given, yaml.MappingNode):
                parts = self._mapping(given, f"{where}, where")
                self._known(parts, OF_CONDITION, f"{where}, where")
                if NOT_NULL in parts:
                    yield Condition(column)
                for part in ("in", "not"):
                    if part in parts:
                        words = self._names(parts[part], f"{where}, where")
                        yield Condition(column, _small(words), part == "not")
            else:
                yield Condition(column, _small(self._names(given, f"{where}, where")))

    def _style(
        self, parts: Mapping[str, yaml.Node], where: str, common: Mapping[str, Any]
    ) -> dict[str, Any]:
        """How values are written: nulls, date_formats and number_style."""
        style = {"nulls": (), "date_formats": (), "number_style": "plain", **common}
        if "nulls" in parts:
            node = parts["nulls"]
            nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
            style["nulls"] = tuple(str(one.value).strip() for one in nodes)
        if "dates" in parts:
            style["date_formats"] = self._names(parts["dates"], where)
            try:
                check_formats("dates", style["date_formats"])
            except ContractError as error:
                said = str(error).removeprefix("dates: ")
                self._tell(
                    _line(parts["dates"]), where, None, said,
                    "Give a format for each way in which the export writes days",
                )  # fmt: skip
        if "numbers" in parts:
            style["number_style"] = self._text(parts["numbers"], where)
            if style["number_style"] not in NUMBER_STYLES:
                self._tell(
                    _line(parts["numbers"]), where, style["number_style"],
                    "is no way to write numbers", f"Known are {', '.join(NUMBER_STYLES)}",
                )  # fmt: skip
        return style

    def _names(self, node: yaml.Node, where: str) -> tuple[str, ...]:
        """One text or several."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        texts = [self._text(one, where) for one in nodes]
        return tuple(text for text in texts if text is not None)

    def _text(self, node: yaml.Node, where: str) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.value.strip() == OPEN:
            self._tell(
                _line(node), where, None, "is still open",
                f"Write what belongs there instead of {OPEN}, or take the line out",
            )  # fmt: skip
            return None
        if not isinstance(node, yaml.ScalarNode) or _is_null(node):
            self._tell(_line(node), where, None, "wants a text", "Write one, in quotes if need be")
            return None
        return str(node.value)

    def _mapping(self, node: yaml.Node | None, where: str) -> dict[str, yaml.Node]:
        """The entries of a block, keys as they are written: a key of YAML's own is a text too."""
        if not isinstance(node, yaml.MappingNode):
            self._tell(
                _line(node) if node else 0, where, None, "wants lines of the form name: value",
                "Write one a line, each further in than the line above it",
            )  # fmt: skip
            return {}
        entries: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value in entries:
                self._tell(_line(key), where, key.value, "is mapped twice", "Take one out")
            entries[str(key.value)] = value
        return entries

    def _known(self, parts: Mapping[str, yaml.Node], known: set[str], where: str) -> None:
        for name, node in parts.items():
            if name not in known:
                self._tell(
                    _line(node), where, name, "is nothing that a mapping says here",
                    f"Known are {', '.join(sorted(known))}{_meant(name, known)}",
                )  # fmt: skip

    def _tell(self, line: int, place: str, value: object, problem: str, remedy: str) -> None:
        self.problems.append(Problem(str(self.path), line, place, value, problem, remedy))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _small(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in words)


def _meant(word: str | None, known: Iterable[str]) -> str:
    near = get_close_matches(word or "", [*known], n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""
