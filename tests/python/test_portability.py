"""The SQL can be said in other warehouses' dialects, or a list says what cannot and why.

sqlglot reads every model and data test as dbt runs them and writes them in each of DIALECTS. What
it has no words for is a fault, and so is what it wrote if it cannot read it in that dialect. It
knows grammar better than functions: those it does not know are listed here, and of those it knows
nobody sees that a dialect lacks one, but for those in WRITTEN_ANYWAY. Nothing is run on another
engine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import jinja2
import pytest
import sqlglot
from runner import Place, Runs
from sqlglot import Dialect, ErrorLevel, exp
from sqlglot.errors import ParseError, TokenError

from orchestration.engine import dbt_runner
from orchestration.engine.warehouse import connect
from orchestration.settings import PROJECT_DIR

DIALECTS = ("spark", "databricks", "snowflake", "postgres")
Fault = tuple[str, str, str]

# (model or test, dialect, what cannot be said in it): why it stays.
EXCEPTIONS: dict[Fault, str] = {
    ("int_opportunity_stages", "postgres", "PostgreSQL does not support IGNORE NULLS."): (
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
    **{
        (name, "postgres", "try_cast"): (
            "the text of a file, a CRM or a survey; PostgreSQL would ask pg_input_is_valid first"
        )
        for name in (
            "assert_survey_rules_are_sound",
            "crm_field_changes",
            "int_account_attributes",
            "int_crm_findings",
            "int_survey_answers",
            "int_window_spans",
            "stg_hubspot__deal_property_history",
            "stg_reveal__ip_companies",
            "stg_salesforce__opportunity_field_history",
        )
    },
    **{
        (name, "postgres", "arg_max or arg_min"): (
            "the value of the first or last row; PostgreSQL would take it from an ordered array"
        )
        for name in (
            "account_readiness_dimensions",
            "account_reviews",
            "account_timing",
            "data_health",
            "inbound_routing",
            "int_act_fates",
            "int_account_hierarchy",
            "int_account_team_members",
            "int_account_versions",
            "int_act_days",
            "int_effort_days",
            "int_opportunity_stages",
            "int_owners",
            "int_record_fates",
            "int_row_fates",
            "load_audit",
            "research_programme",
            "success_milestones",
        )
    },
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

# DuckDB's whole numbers that are without a sign or wider than 64 bits.
WIDE_TYPES = {
    *(exp.DType.UTINYINT, exp.DType.USMALLINT, exp.DType.UINT, exp.DType.UBIGINT),
    *(exp.DType.INT128, exp.DType.UINT128, exp.DType.BIGNUM),
}
# What sqlglot writes as it stands, or as something else, though these dialects lack it: the part of
# a statement, and what of such parts is meant.
WRITTEN_ANYWAY: dict[
    str, tuple[tuple[str, ...], type[exp.Expr] | tuple[type[exp.Expr], ...], Callable[..., object]]
] = {
    "union by name": (
        ("spark", "databricks", "postgres"),
        exp.SetOperation,
        lambda part: part.args.get("by_name"),
    ),
    "asof join": (
        ("spark", "databricks", "postgres"),
        exp.Join,
        lambda part: part.method == "ASOF",
    ),
    "positional join": (DIALECTS, exp.Join, lambda part: part.method == "POSITIONAL"),
    "group by all": (("postgres",), exp.Group, lambda part: part.args.get("all")),
    "order by all": (
        ("postgres",),
        exp.Ordered,
        lambda part: isinstance(part.this, exp.Var) and part.name.upper() == "ALL",
    ),
    "percent limit": (DIALECTS, exp.LimitOptions, lambda part: part.args.get("percent")),
    "* without columns": (
        ("postgres",),
        exp.Star,
        lambda part: part.args.get("except_") or part.args.get("replace"),
    ),
    "* with other names": (
        ("spark", "databricks", "postgres"),
        exp.Star,
        lambda part: part.args.get("rename"),
    ),
    "columns()": (DIALECTS, exp.Columns, lambda _: True),
    "list comprehension": (DIALECTS, exp.Comprehension, lambda _: True),
    # sqlglot leaves the order out.
    "array_agg in an order": (
        ("spark", "databricks"),
        exp.ArrayAgg,
        lambda part: part.find(exp.Order),
    ),
    "struct": (("postgres",), exp.Struct, lambda _: True),
    "unsigned or huge number": (DIALECTS, exp.DataType, lambda part: part.this in WIDE_TYPES),
    "window of groups": (
        ("spark", "databricks", "snowflake"),
        exp.WindowSpec,
        lambda part: str(part.args.get("kind")).upper() == "GROUPS",
    ),
    # Becomes a cast, which fails where DuckDB gives null. Snowflake has it for texts.
    "try_cast": (("postgres",), exp.TryCast, lambda _: True),
    "arg_max or arg_min": (("postgres",), (exp.ArgMax, exp.ArgMin), lambda _: True),
}


GROWS = re.compile(r"^ *{%-? if is_incremental\(\)", re.MULTILINE)
CLEANS_UP = re.compile(r'(?:pre_hook=|\'sql\': )"{% if is_incremental\(\)')


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
        for construct, (dialects, kind, is_it) in WRITTEN_ANYWAY.items():
            if isinstance(part, kind) and is_it(part):
                yield from ((dialect, construct) for dialect in dialects)


def reads_of_aliases(
    statement: exp.Expr, models: Mapping[str, exp.Query]
) -> Iterator[tuple[str, str]]:
    """(dialect, fault) for names that a select gives and reads itself, which PostgreSQL refuses.

    models: by name, for the columns of their tables. Where a select reads a table that is none of
    them nobody knows what is the table's, and nothing is found.
    """
    for select in statement.find_all(exp.Select):
        given = {part.alias.lower() for part in select.expressions if isinstance(part, exp.Alias)}
        readers = [
            *select.expressions,
            *(
                select.args[each]
                for each in ("where", "having", "qualify")
                if select.args.get(each)
            ),
        ]
        read_here = {
            column.name.lower()
            for part in readers
            for column in part.walk(prune=lambda node: isinstance(node, exp.Query))
            if isinstance(column, exp.Column) and not column.table
            # lower(name) as name reads no alias.
            if not (isinstance(part, exp.Alias) and part.alias.lower() == column.name.lower())
        }
        if given & read_here:
            there = columns_read_by(select, models)
            if there is not None:
                for name in sorted(given & read_here - there):
                    yield "postgres", f"alias {name} is read by its own select"


def columns_read_by(select: exp.Select, models: Mapping[str, exp.Query]) -> set[str] | None:
    """The columns of all that a select reads from; None if they are not all known."""
    read_from = [select.args["from_"].this] if select.args.get("from_") else []
    read_from += [join.this for join in select.args.get("joins") or ()]
    read_from += select.args.get("laterals") or ()
    found: set[str] = set()
    for each in read_from:
        columns = columns_of(each, models)
        if columns is None:
            return None
        found |= columns
    return found


def columns_of(part: exp.Expr, models: Mapping[str, exp.Query]) -> set[str] | None:
    """The columns of a table, a CTE or a query; None if they are not known."""
    alias = part.args.get("alias")
    if isinstance(alias, exp.TableAlias) and alias.columns:
        return {column.name.lower() for column in alias.columns}
    if isinstance(part, exp.Subquery | exp.CTE):
        return columns_of(part.this, models)
    if isinstance(part, exp.SetOperation):
        return columns_of(part.left, models)
    if isinstance(part, exp.Select):
        of_stars = columns_read_by(part, models) if part.is_star else set()
        named = {each.alias_or_name.lower() for each in part.expressions if not each.is_star}
        return None if of_stars is None else of_stars | named
    if isinstance(part, exp.Table) and part.db:
        others = {name: query for name, query in models.items() if name != part.name}
        return columns_of(models[part.name], others) if part.name in models else None
    if isinstance(part, exp.Table):
        node = part.parent
        while node:
            with_ = node.args.get("with_")
            for cte in with_.expressions if with_ else ():
                # One that reads itself has the columns of its first half.
                if cte.alias.lower() == part.name.lower():
                    return columns_of(cte, models)
            node = node.parent
    return None


def out_of_step(
    statements: Sequence[tuple[str, exp.Expr]], exceptions: Iterable[Fault]
) -> tuple[set[Fault], set[Fault]]:
    """Faults that are no exception, and exceptions that are no fault."""
    models = {name: each for name, each in statements if isinstance(each, exp.Query)}
    found = {
        (name, *fault)
        for name, statement in statements
        for fault in [*faults(statement), *reads_of_aliases(statement, models)]
    }
    return found - set(exceptions), set(exceptions) - found


def in_words(new: Iterable[Fault], gone: Iterable[Fault]) -> str:
    """One line for each fault and each exception that is none any more."""
    lines = [
        *(f"{name} cannot be said in {dialect}: {what}" for name, dialect, what in sorted(new)),
        *(
            f"no fault any more: {name} in {dialect}: {what}"
            for name, dialect, what in sorted(gone)
        ),
    ]
    if new:
        lines.append("Mend each, or add it to EXCEPTIONS with a reason.")
    if gone:
        lines.append("Take what is no fault any more out of EXCEPTIONS.")
    return "\n".join(lines)


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
    new, gone = out_of_step(statements, EXCEPTIONS)
    assert not new | gone, in_words(new, gone)


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
        ("select * from t positional join u", "positional join"),
        ("select a from t order by all desc", "order by all"),
        ("select a from t limit 10%", "percent limit"),
        ("select * rename (a as b) from t", "* with other names"),
        ("select min(columns('a.*')) from t", "columns()"),
        ("select [x + 1 for x in a] from t", "list comprehension"),
        ("select list(a order by b) from t", "array_agg in an order"),
        ("select {'a': b} as c from t", "struct"),
        ("select struct_pack(a := b) as c from t", "struct"),
        ("select a::uinteger from t", "unsigned or huge number"),
        ("select cast(a as hugeint) from t", "unsigned or huge number"),
        (
            "select sum(a) over (order by b groups between 1 preceding and current row) from t",
            "window of groups",
        ),
        ("select try_cast(a as integer) from t", "try_cast"),
        ("select arg_max(a, b) from t", "arg_max or arg_min"),
        ("select min_by(a, b) from t", "arg_max or arg_min"),
        ("with t as (select 1 as a) select a + 1 as b, b + 1 as c from t", "alias b is read"),
        ("with t as (select 1 as a) select a + 1 as b from t where b > 1", "alias b is read"),
        ("select a + 1 as b, b + 1 as c from (select 1 as a union select 2) as t", "alias b is"),
        ("with t as (select 1 as a), u as (select * from t) select a as b, b from u", "alias b is"),
    ],
)
def test_a_fault_is_found(sql: str, fault: str) -> None:
    planted = [("a_model", statement) for statement in read(sql, "duckdb")]
    new, gone = out_of_step(planted, {("a_model", "spark", "what was mended")})
    assert any(fault in construct for _, _, construct in new)
    assert gone == {("a_model", "spark", "what was mended")}


@pytest.mark.parametrize(
    "sql",
    [
        "with t as (select 1 as a) select a + 1 as a, a + 2 as b from t where a > 1",
        "with t as (select 1 as a) select lower(a) as b from t group by b order by b",
        "with t as (select 1 as a) select t.a as b, (select max(b) from u) as c from t",
        "select a + 1 as b, b + 1 as c from raw.t",
        "select a from t order by a limit 10",
        "select a, cast(a as bigint), sum(a) over (order by b rows 1 preceding) from t order by a",
    ],
)
def test_what_all_can_say_is_no_fault(sql: str) -> None:
    planted = [("a_model", statement) for statement in read(sql, "duckdb")]
    assert out_of_step(planted, ()) == (set(), set())


def test_a_model_reads_the_columns_of_another_model() -> None:
    both = {
        "one": "select a as b, c from raw.t",
        "other": "select c as b, b as d, b + 1 as e from marts.one",
        "third": "select c as x, x as d from marts.one",
    }
    planted = [(name, each) for name, sql in both.items() for each in read(sql, "duckdb")]
    new, _ = out_of_step(planted, ())
    assert new == {("third", "postgres", "alias x is read by its own select")}


def test_faults_are_told_line_by_line() -> None:
    said = in_words({("b", "spark", "struct"), ("a", "postgres", "try_cast")}, [("c", "d", "e")])
    assert said.splitlines() == [
        "a cannot be said in postgres: try_cast",
        "b cannot be said in spark: struct",
        "no fault any more: c in d: e",
        "Mend each, or add it to EXCEPTIONS with a reason.",
        "Take what is no fault any more out of EXCEPTIONS.",
    ]


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
