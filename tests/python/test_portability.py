"""The SQL can be said in other warehouses' dialects, or a list says what cannot and why.

sqlglot reads every model and data test as dbt runs them and writes them in each of DIALECTS. What
it has no words for is a fault, and so is what it wrote if it cannot read it in that dialect. It
knows grammar better than functions: those it does not know are listed here, and of those it knows
nobody sees that a dialect lacks one (arg_max on PostgreSQL). Nothing is run on another engine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import jinja2
import pytest
import sqlglot
from runner import Place, Runs
from sqlglot import Dialect, ErrorLevel, exp
from sqlglot.errors import ParseError, TokenError

from orchestration import dbt_runner
from orchestration.settings import PROJECT_DIR
from orchestration.warehouse import connect

DIALECTS = ("spark", "databricks", "snowflake", "postgres")
Fault = tuple[str, str, str]

# (model or test, dialect, what cannot be said in it): why it stays.
EXCEPTIONS: dict[Fault, str] = {
    ("int_opportunity_spans", "postgres", "PostgreSQL does not support IGNORE NULLS."): (
        "the last value that was stated; without the clause it takes another pass over the spans"
    ),
    ("int_person_versions", "postgres", "PostgreSQL does not support IGNORE NULLS."): (
        "the last flag that was stated; as above, over the versions"
    ),
    **{
        ("account_change_feed", dialect, "union by name"): (
            "a feed that was made before a column was added is read without it"
        )
        for dialect in ("spark", "databricks", "postgres")
    },
    # sqlglot reads what DuckDB's macro writes; Spark has its own.
    ("int_crm_findings", "spark", "unreadable at &&"): "the macro json_has_any",
    ("int_crm_findings", "databricks", "unreadable at &&"): "the macro json_has_any",
    ("int_survey_answers", "postgres", "* without columns"): "the macro json_fields",
}
# Functions that sqlglot does not know: the dispatched macro that writes them.
UNKNOWN_FUNCTIONS = {
    "damerau_levenshtein": "edit_distance",
    "generate_subscripts": "words_in_order",
    "hash": "row_hash",
    "map_entries": "json_fields",
    "strip_accents": "without_accents",
    "try_strptime": "written_day",
}
# Dispatched macros of which Spark would take DuckDB's: why.
WITHOUT_SPARK = {
    "without_accents": "Spark has no function for it; its letters would have to be listed",
}

# What sqlglot writes as it stands though these dialects lack it.
WRITTEN_ANYWAY: dict[str, tuple[tuple[str, ...], Callable[[exp.Expr], object]]] = {
    "union by name": (
        ("spark", "databricks", "postgres"),
        lambda part: isinstance(part, exp.SetOperation) and part.args.get("by_name"),
    ),
    "asof join": (
        ("spark", "databricks", "postgres"),
        lambda part: isinstance(part, exp.Join) and part.method == "ASOF",
    ),
    "group by all": (
        ("postgres",),
        lambda part: isinstance(part, exp.Group) and part.args.get("all"),
    ),
    "* without columns": (
        ("postgres",),
        lambda part: (
            isinstance(part, exp.Star) and (part.args.get("except_") or part.args.get("replace"))
        ),
    ),
}


GROWS = re.compile(r"^ *{%-? if is_incremental\(\)", re.MULTILINE)
CLEANS_UP = re.compile(r'pre_hook="{% if is_incremental\(\)')


def read(sql: str, dialect: str) -> list[exp.Expr]:
    """The statements. Raises ValueError if one is not understood to its end."""
    try:
        statements = [each for each in sqlglot.parse(sql, read=dialect) if each]
    except ParseError as error:
        raise ValueError(f"unreadable at {error.errors[0]['highlight']}") from error
    except TokenError as error:
        raise ValueError("unreadable") from error
    # What it does not understand sqlglot may keep as a text.
    for statement in statements:
        if statement.find(exp.Command):
            raise ValueError(f"unreadable: {statement.sql(dialect)}")
    return statements


def faults(statement: exp.Expr) -> Iterator[tuple[str, str]]:
    """(dialect, what of a statement of DuckDB cannot be said in it)."""
    for dialect in DIALECTS:
        # With the level RAISE it would keep the text to itself, and tell the first three alone.
        generator = Dialect.get_or_raise(dialect).generator(unsupported_level=ErrorLevel.IGNORE)
        text = generator.generate(statement)
        for message in generator.unsupported_messages:
            yield dialect, message
        try:
            read(text, dialect)
        except ValueError as error:
            yield dialect, str(error)
    for part in statement.walk():
        for construct, (dialects, is_it) in WRITTEN_ANYWAY.items():
            if is_it(part):
                yield from ((dialect, construct) for dialect in dialects)


def out_of_step(
    statements: Iterable[tuple[str, exp.Expr]], exceptions: Iterable[Fault]
) -> tuple[set[Fault], set[Fault]]:
    """Faults that are no exception, and exceptions that are no fault."""
    found = {(name, *fault) for name, statement in statements for fault in faults(statement)}
    return found - set(exceptions), set(exceptions) - found


def compile_all(place: Place) -> list[tuple[str, str]]:
    """Runs in a process of its own: (name, SQL) of all models and data tests, for a first run."""
    return _compile(place)


def compile_again(place: Place) -> list[tuple[str, str]]:
    """Runs in a process of its own: (name, SQL) of models that grow, for a run after the first.

    First what they write, then the statements before it.
    """
    nodes = dbt_runner.parse(place.settings).nodes.values()
    growing = [node for node in nodes if node.config.materialized == "incremental"]
    with connect(place.warehouse) as warehouse:
        for node in growing:
            warehouse.execute(f"create schema if not exists {node.schema}")
            warehouse.execute(f"create table {node.relation_name} (nothing integer)")
    chosen = ["--select", *(".".join(node.fqn) for node in growing)]
    compiled = _compile(place, *chosen)
    for node in growing:
        node.raw_code = ";".join(hook.sql for hook in node.config.pre_hook)
    return compiled + _compile(place, *chosen)


def _compile(place: Place, *chosen: str) -> list[tuple[str, str]]:
    from dbt.cli.main import dbtRunner

    os.environ.update(place.settings.as_environment())
    outcome = dbtRunner(manifest=dbt_runner.parse(place.settings)).invoke(
        [
            *("compile", "--quiet", "--log-level=none", "--log-level-file=none"),
            *("--no-write-json", f"--target-path={place.folder}", f"--project-dir={PROJECT_DIR}"),
            *(f"--profiles-dir={PROJECT_DIR / 'profiles'}", "--indirect-selection=empty", *chosen),
        ]
    )
    assert outcome.success, outcome.exception
    return [(result.node.name, result.node.compiled_code) for result in outcome.result]


@pytest.fixture(scope="module")
def statements(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, exp.Expr]]:
    """Every statement of every model and data test, with its name."""
    places = [Place(tmp_path_factory.mktemp("compiled"), Path("no landing")) for _ in range(2)]
    first, again = (
        runs.start(task, place)
        for task, place in zip((compile_all, compile_again), places, strict=True)
    )
    found = []
    for name, sql in [*first.result().check().value, *again.result().check().value]:
        try:
            found += [(name, statement) for statement in read(sql, "duckdb")]
        except ValueError as error:
            pytest.fail(f"{name}: {error}")
    return found


def macros() -> str:
    """The text of the project's macros."""
    paths = sorted((PROJECT_DIR / "macros").glob("*.sql"))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


# -- models and tests ------------------------------------------------------------------------------


def test_every_model_and_test_can_be_said_in_other_dialects(
    statements: list[tuple[str, exp.Expr]],
) -> None:
    assert out_of_step(statements, EXCEPTIONS) == (set(), set())


def test_all_of_the_project_is_looked_at(statements: list[tuple[str, exp.Expr]]) -> None:
    """Every model and test, and what models that grow say once they are there."""
    sql = [*PROJECT_DIR.glob("models/**/*.sql"), *PROJECT_DIR.glob("tests/data/*.sql")]
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sql}
    names = {name for name, _ in statements}
    assert texts.keys() <= names
    assert "well_formed_accounts" in names

    of_themselves = [
        (name, statement)
        for name, statement in statements
        if any(table.name == name for table in statement.find_all(exp.Table))
    ]
    grow = {name for name, text in texts.items() if GROWS.search(text)}
    clean_up = {name for name, text in texts.items() if CLEANS_UP.search(text)}
    assert {name for name, each in of_themselves if isinstance(each, exp.Query)} == grow
    assert {name for name, each in of_themselves if isinstance(each, exp.Delete)} == clean_up
    assert len(grow) > 2
    assert len(clean_up) > 2


def test_functions_that_sqlglot_does_not_know_are_written_by_dispatched_macros(
    statements: list[tuple[str, exp.Expr]],
) -> None:
    found = {
        part.name.lower()
        for _, statement in statements
        for part in statement.find_all(exp.Anonymous)
    }
    assert found == set(UNKNOWN_FUNCTIONS)
    sql = [*PROJECT_DIR.glob("models/**/*.sql"), *PROJECT_DIR.glob("tests/data/*.sql")]
    text = "\n".join([macros(), *(path.read_text(encoding="utf-8") for path in sql)])
    for function, macro in UNKNOWN_FUNCTIONS.items():
        # dbt.hash is a macro, not the function.
        call = rf"(?<![\w.]){function}\("
        (body,) = re.findall(rf"macro default__{macro}\(.*?endmacro", text, re.DOTALL)
        assert re.findall(call, body), macro
        assert len(re.findall(call, text)) == len(re.findall(call, body)), function


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("select last_value(a ignore nulls) over (order by b) from t", "IGNORE NULLS"),
        ("pivot t on a using sum(b)", "PIVOT unsupported"),
        ("attach 'a file'", "unreadable at 'a file'"),
        ("select list_has_any(a, b) from t", "unreadable at &&"),
        ("select a from t union by name select a from u", "union by name"),
        ("select * exclude (a) from t", "* without columns"),
        ("select a, count(*) from t group by all", "group by all"),
        ("select * from t asof join u on t.a >= u.a", "asof join"),
    ],
)
def test_a_fault_is_found(sql: str, fault: str) -> None:
    planted = [("a_model", statement) for statement in read(sql, "duckdb")]
    new, gone = out_of_step(planted, {("a_model", "spark", "what was mended")})
    assert any(fault in construct for _, _, construct in new)
    assert gone == {("a_model", "spark", "what was mended")}


@pytest.mark.parametrize("sql", ["select from where", "vacuum t", "select 'no end"])
def test_what_sqlglot_does_not_understand_is_not_taken_for_read(sql: str) -> None:
    with pytest.raises(ValueError, match="unreadable"):
        read(sql, "duckdb")


# -- macros of another engine ----------------------------------------------------------------------


def test_every_dispatched_macro_has_one_for_spark() -> None:
    text = macros()
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'\)", text))
    of_spark = set(re.findall(r"macro spark__(\w+)\(", text))
    assert dispatched - of_spark == set(WITHOUT_SPARK)
    assert of_spark <= dispatched


def test_macros_of_spark_are_readable_in_spark() -> None:
    files = [
        path for path in (PROJECT_DIR / "macros").glob("*.sql") if "spark__" in path.read_text()
    ]
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    read_macros = 0
    for path in files:
        template = environment.from_string(
            path.read_text(encoding="utf-8"), globals={"var": lambda _: "Europe/Berlin"}
        )
        for name, macro in vars(template.module).items():
            if name.startswith("spark__"):
                arguments = [
                    ["one", "other"] if argument == "columns" else argument
                    for argument in macro.arguments
                ]
                read(macro(*arguments), "spark")
                read_macros += 1
    assert read_macros == macros().count("macro spark__")
