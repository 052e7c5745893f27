"""The rules of the house, read off dbt's manifest and the imports of Python files: layers, rooms,
names, descriptions, vars, literals.

Each rule has its list of exceptions beside it, each with the reason; an exception that is no longer
needed fails as well.
"""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import Any

import pytest
import yaml
from runner import imported_by

from orchestration.engine import dbt_runner
from orchestration.settings import NO_TRACKING, PROJECT_DIR

STAGING_READ_ABOVE = {
    # A mart reads staging where the mart is the one place that needs the source as it is.
    ("review_items", "stg_firmographics__companies"): "rows put aside and words nobody mapped",
    ("review_items", "stg_firmographics__relationships"): "words that nobody mapped",
    ("review_items", "stg_research__interviews"): "findings whose conversation never came",
    ("review_items", "stg_research__findings"): "findings whose conversation never came",
    ("review_items", "stg_spend__daily"): "rows that may be the total of others",
    ("data_health", "stg_landing__files"): "the manifest of the landing is the subject",
    ("data_health", "stg_landing__tables"): "the manifest of the landing is the subject",
    ("load_audit", "stg_landing__files"): "the manifest of the landing is the subject",
    ("load_audit", "stg_landing__quarantine"): "the manifest of the landing is the subject",
    ("account_reviews", "stg_landing__files"): "whether plans and reviews ever landed",
    ("account_reviews", "stg_planning__plans"): "the one reader of plans",
    ("account_reviews", "stg_planning__reviews"): "the one reader of reviews",
    ("success_milestones", "stg_success__milestones"): "the one reader of milestones",
    ("success_milestones", "stg_success__usage"): "the one reader of counts of use",
    ("account_voices", "stg_research__findings"): "own words go through no other model",
}
INSIDE_READ_BY = {
    # An inside has one mart as its public face. Whoever else needs what is in it reads the mart, or
    # the model becomes core (docs/architecture.md).
    ("account_fit", "int_fit_spans"): "the criteria behind its score",
    ("account_fit_contributions", "int_fit_spans"): "the criteria behind the score, one by one",
    ("account_signals", "int_observability_spans"): "which channels see the account",
    ("account_signals", "int_intent_scores"): "topics of reports too old to count",
    ("account_signals", "int_intent_points"): "topics that surge",
    ("account_signals", "int_traffic_weights"): "what is left out of the latest signal",
    ("account_signals", "int_attribution_changes"): "jumps that nobody's behaviour explains",
    ("account_signal_contributions", "int_decay_weights"): "what a point is worth by now",
    ("excluded_activity", "int_traffic_weights"): "the rules that leave traffic out",
    ("account_coverage", "int_person_spans"): "whether people are still in their seats",
    ("engagement_baseline", "int_traffic_weights"): "acts that are no act of the account",
    ("unmapped_titles", "int_title_personas"): "titles that no rule knows",
    ("account_timing_windows", "int_window_spans"): "the windows it lists",
    ("account_readiness", "int_interview_spans"): "the last conversation, and the day it named",
    ("account_plays", "int_account_events"): "the events that trigger plays",
    ("pipeline", "int_deal_people"): "who is named in a deal or engaged at its account",
    ("account_reviews", "int_account_events"): "the events of its review, with headlines",
    ("account_teams", "int_account_team_members"): "the members it lists",
    ("success_milestones", "int_contract_spans"): "products under contract",
    ("accounts", "int_account_attributes"): "attributes that no segment reads",
    ("icp_alignment", "int_account_attributes"): "any attribute that a function has a view on",
    ("account_parents", "int_account_parents"): "the parents it lists",
    ("account_crosswalk", "int_account_versions"): "the records it lists",
    ("account_crosswalk", "int_account_links"): "why records are one account",
    ("domain_ownership", "int_domain_claims"): "the claims it lists",
    ("programme_activity", "int_person_records"): "people who came in without an account",
    ("programme_focus", "int_contract_spans"): "what customers pay a year",
    ("domain_ownership", "int_stated_domain_claims"): "claims on domains that nobody can own",
    ("match_proposals", "int_match_decisions"): "pairs that are decided are not proposed again",
    ("load_audit", "int_row_fates"): "what became of each row",
    ("contacts_to_reach", "int_person_records"): "by which record a person is found in the CRM",
    ("crm_field_changes", "int_account_versions"): "what the CRM's record has by now",
    # Of any inside, what it could not make sense of.
    ("review_items", "int_account_versions"): "records and their websites",
    ("review_items", "int_crm_findings"): "fields that could not be used",
    ("review_items", "int_domain_claims"): "claims that contradict each other",
    ("review_items", "int_intent_scores"): "topics that the seed does not know",
    ("review_items", "int_match_decisions"): "decisions about records that nobody has",
    ("review_items", "int_person_records"): "people under two accounts",
    ("review_items", "int_survey_answers"): "answers that could not be used",
    ("review_items", "int_target_memberships"): "targets that are named by a domain alone",
}
NAME_A_SOURCE = {
    "accounts": "the record ids of two CRMs are columns of the contract, which exports use",
    "salesforce_account_fields": "what goes back into it",
    "hubspot_company_properties": "what goes back into it",
}
# A row of the input layer may name accounts, people and owners by website, address or name:
# whose that is stands in their tables.
LOOKS_UP = {
    *("stg_crm__accounts", "stg_crm__people", "stg_crm__deals", "stg_crm__activities"),
    *("stg_crm__attendees", "stg_crm__roles", "stg_crm__campaign_responses"),
}
SCORES_READ_BY = {
    "int_account_states": "the one reader of the scores as intervals; marts read it",
    "match_proposals": "the one reader of the proposals",
    "account_activation": "the one reader of the days below on the last day",
    "int_readiness_spans": "the one reader of readiness as intervals",
    "account_readiness_dimensions": "the one reader of the posteriors",
    "research_queue": "the one reader of what answers would change",
    "coder_agreement": "the one reader of the agreement of coders",
    "rulesets": "the one reader of what changed in the rules",
}
LITERALS_IN_MARTS = {
    ("account_gap_drivers", "2"): "halves of an account, made in int_account_gap_days",
    ("activation_gap_drivers", "2"): "halves of an account, made in int_gap_segments",
    ("account_fit_contributions", "100"): "a score is a percentage",
    ("account_signals", "7"): "days of a week",
    ("account_signal_contributions", "100"): "points are stored in hundredths",
    ("account_signal_contributions", "1000000"): "decay weights are stored in millionths",
    ("account_activation", "6"): "decimals to which the scorer rounds its thresholds",
    ("account_coverage", "6"): "decimals kept of a float",
    ("account_hierarchy", "6"): "decimals kept of a float",
    ("account_hierarchy", "100"): "a score is a percentage",
    ("database_buildout", "1000000"): "facts are summed in millionths",
    ("database_buildout", "0.5"): "a median",
    ("account_state_statistics", "0.5"): "a median",
    ("database_buildout", "0.9"): "a ninetieth percentile",
    ("account_activation_paths", "6"): "decimals kept of a float",
    ("account_activation_paths", "100"): "a score is a percentage; points are kept in hundredths",
    ("account_activation_paths", "2"): "of two people a sentence says both",
    ("account_effort", "2"): "cents",
    ("activation_levers", "2"): "cents",
    ("response_times", "24"): "hours of a day",
    ("dark_activation", "2"): "who was caught twice, and two channels at least",
    ("research_programme", "100"): "a rate per 100 targets",
    ("review_items", "2"): "what stands after the @ of a folder",
    ("account_readiness", "6"): "decimals kept of a float",
    ("account_readiness", "0.5"): "what nobody spoke about is as likely above the middle as below",
    ("account_decisions", "2"): "cents",
    ("account_decisions", "18"): "digits of a sum of cents",
    ("account_plays", "2"): "place in the order of work",
    ("account_plays", "3"): "place in the order of work",
    ("account_plays", "4"): "place in the order of work",
    ("pipeline", "2"): "single-threaded: fewer than two people",
    ("pipeline_months", "2"): "cents",
    ("pipeline_months", "100"): "amounts are summed in cents",
    ("effort_allocation", "6"): "decimals kept of a float",
    ("programme_focus", "2"): "cents",
    ("programme_focus", "6"): "decimals kept of a float",
    ("programme_trends", "6"): "decimals kept of a float",
    ("research_programme", "6"): "decimals kept of a float",
    ("research_queue", "2"): "cents",
    ("research_queue", "6"): "decimals kept of a float",
    ("research_queue", "100"): "a score is a percentage",
    ("research_scope", "6"): "decimals kept of a float",
    ("engagement_baseline", "7"): "days of a week",
    ("engagement_baseline", "60"): "seconds of a minute",
    ("engagement_baseline", "6"): "decimals kept of a float",
    ("content_inventory", "6"): "decimals kept of a float",
    ("account_teams", "6"): "decimals kept of a float",
    ("success_milestones", "2"): "cents",
    ("success_milestones", "6"): "decimals kept of a float",
    ("success_milestones", "18"): "digits of a sum of cents",
    ("account_coverage", "2"): "single-threaded: one person where two or more are required",
}
STRUCTURAL_NUMBERS = {"0", "1", "0.0", "1.0"}
LAYERS = ("staging", "intermediate", "features", "marts", "exports", "restricted")
# From the ground up. The features are a layer of their own, because the scorers read them.
FLOORS = ("accounts", "people", "happenings", "spans", "features", "judgements")
# Stands beside the floors: it says what became of each row on any of them.
AUDIT = "audit"
# Folders and files of orchestration/, from the ground up, and the tools on top.
ROOMS = (
    *("demo", "scoring", "settings", "project", "terminal", "stages", "engine", "landing", "rules"),
    *("runs", "doctor", "proposals", "assets", "definitions", "commands", "tools"),
)
RESERVED = r"(?:stg|int|feat|fct|dim|mart|base|tmp)_.*|.*_(?:tmp|xf|final|v\d+)"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """That of the files as they are; parsed anew if one of them is younger."""
    return dbt_runner.load_manifest()


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.fixture(scope="module")
def seeds(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "seed"]


def layer(node: dict[str, Any]) -> str:
    """The folder under models/; `scores` for the staging of scores; else source or seed."""
    if node["resource_type"] != "model":
        return str(node["resource_type"])
    return "scores" if node["fqn"][1:3] == ["staging", "scores"] else str(node["fqn"][1])


def reads(manifest: dict[str, Any], model: dict[str, Any]) -> list[dict[str, Any]]:
    known = {**manifest["nodes"], **manifest["sources"]}
    return [known[parent] for parent in model["depends_on"]["nodes"]]


def edges(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> list[tuple[str, str, str, str]]:
    """(model, its layer, what it reads, the layer of that)."""
    return [
        (model["name"], layer(model), parent["name"], layer(parent))
        for model in models
        for parent in reads(manifest, model)
    ]


# -- layers ----------------------------------------------------------------------------------------


def test_every_model_lies_in_a_layer(models: list[dict[str, Any]]) -> None:
    assert {model["fqn"][1] for model in models} <= set(LAYERS)


MAY_READ = {
    "staging": {"source"},
    "scores": {"source"},
    "intermediate": {"staging", "intermediate", "features", "seed"},
    "features": {"intermediate", "seed"},
    "marts": {"intermediate", "features", "marts", "seed"},
    # What a CRM has now stands in the versions of its records.
    "exports": {"intermediate", "marts", "exports", "seed"},
    "restricted": {"intermediate", "marts", "seed"},
}


def test_each_layer_reads_only_what_lies_below_it(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> None:
    """Only staging reads sources, and only those; features read no marts; scores have a reader."""
    found = [
        (name, parent, below)
        for name, its_layer, parent, below in edges(manifest, models)
        if below not in MAY_READ[its_layer]
    ]
    expected = {(name, parent, "staging") for name, parent in STAGING_READ_ABOVE}
    expected |= {
        (name, parent, below)
        for name, parent, below in found
        if below == "scores" and name in SCORES_READ_BY
    }
    assert set(found) == expected
    assert {name for name, _, below in found if below == "scores"} == set(SCORES_READ_BY)


def test_each_floor_reads_only_itself_and_those_below_it(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> None:
    def floor(model: dict[str, Any]) -> str:
        return str(model["fqn"][2] if layer(model) == "intermediate" else layer(model))

    inside = [model for model in models if layer(model) in ("intermediate", "features")]
    assert {floor(model) for model in inside} == {*FLOORS, AUDIT}
    read = [
        (model["name"], floor(model), parent["name"], floor(parent))
        for model in inside
        for parent in reads(manifest, model)
        if parent["resource_type"] == "model" and layer(parent) != "staging"
    ]
    found = [
        edge
        for edge in read
        if edge[1] != AUDIT
        and edge[3] != "scores"
        and (edge[3] == AUDIT or FLOORS.index(edge[3]) > FLOORS.index(edge[1]))
    ]
    assert found == []
    # Scores are made from the features, so what reads them lies above these.
    assert {edge[1] for edge in read if edge[3] == "scores"} == {"judgements"}


def is_core(model: dict[str, Any]) -> bool:
    """Whether others may build upon an intermediate model."""
    return layer(model) == "intermediate" and bool(model["config"]["access"] == "public")


def test_what_people_read_is_made_from_core_models(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> None:
    """Or from `feat_account_days`, judgements and other marts; else the pair is in the list.

    dbt's own `group` with `access: private` cannot say this: a model has one group, and the inside
    of a mart is read by the models above it as well.
    """
    found = [
        (model["name"], parent["name"])
        for model in models
        if layer(model) in ("marts", "exports", "restricted")
        for parent in reads(manifest, model)
        if layer(parent) in ("intermediate", "features")
        and not is_core(parent)
        and parent["name"] != "feat_account_days"
        and parent["fqn"][2] != "judgements"
    ]
    assert set(found) == set(INSIDE_READ_BY)


def test_the_core_models_stand_in_the_docs(models: list[dict[str, Any]]) -> None:
    text = (PROJECT_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("\n## The core models\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
    assert sorted(listed) == sorted(model["name"] for model in models if is_core(model))


def test_the_docs_say_which_marts_people_open_first(models: list[dict[str, Any]]) -> None:
    text = (PROJECT_DIR / "docs" / "marts.md").read_text(encoding="utf-8")
    listed = {}
    for schema in ("marts", "marts_detail"):
        section = text.split(f"\n## Schema `{schema}`\n")[1].split("\n## ")[0]
        listed[schema] = set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE))
    there: dict[str, set[str]] = {"marts": set(), "marts_detail": set()}
    for model in models:
        if layer(model) == "marts":
            there[model["schema"]].add(model["name"])
    assert listed == there


def test_what_the_scorers_read_does_not_read_scores(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> None:
    """One hop: SQL, Python, SQL. Nothing upstream of a feature comes from a score."""
    seen: set[str] = set()
    todo = [model["unique_id"] for model in models if layer(model) == "features"]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += manifest["parent_map"][node]
    assert not [node for node in seen if node.startswith("source.") and ".scores." in node]


def test_staging_models_read_one_source_table_of_their_folder(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> None:
    for model in models:
        if layer(model) in ("staging", "scores"):
            sources = reads(manifest, model)
            assert len(sources) == 1 or model["name"] in LOOKS_UP, model["name"]
            for source in sources:
                assert source["source_name"] == model["fqn"][2], model["name"]
            assert model["name"].startswith(f"stg_{model['fqn'][2]}__"), model["name"]
            # macros/sources.sql takes the first for the model's own.
            assert len(sources) == 1 or model["sources"][0][1] == model["name"].split("__")[1]


def test_models_above_staging_name_no_source(models: list[dict[str, Any]]) -> None:
    """Those of the var `sources` are read by the kinds of facts that they bring."""
    sources = "|".join(project_vars()["sources"])
    # A channel is called intent too, and what any CRM says is said by crm.
    named = re.compile(rf"'(?!intent'|crm')(?:{sources})\b|\bstg_(?:{sources})__")
    found = {
        model["name"]
        for model in models
        if layer(model) not in ("staging", "scores") and named.search(model["raw_code"])
    }
    assert found == set(NAME_A_SOURCE)


def test_no_intermediate_model_is_read_by_nobody(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> None:
    readers = manifest["child_map"]
    idle = [
        model["name"]
        for model in models
        if layer(model) == "intermediate"
        and not any(child.startswith("model.") for child in readers[model["unique_id"]])
    ]
    assert idle == []


ENFORCED = ("features", "marts", "exports", "restricted")


def test_contracts_are_enforced_on_what_others_read(models: list[dict[str, Any]]) -> None:
    for model in models:
        enforced = model["config"]["contract"]["enforced"]
        assert enforced == (layer(model) in ENFORCED or is_core(model)), model["name"]
        # With `ignore` a new column would be in the contract and not in the table.
        if enforced and model["config"]["materialized"] == "incremental":
            assert model["config"]["on_schema_change"] in ("append_new_columns", "fail")


# -- names and words -------------------------------------------------------------------------------


def test_names_say_the_layer(models: list[dict[str, Any]]) -> None:
    for model in models:
        name, its_layer = model["name"], layer(model)
        if its_layer in ("staging", "scores"):
            assert re.fullmatch(r"stg_[a-z0-9_]+__[a-z0-9_]+", name), name
        elif its_layer == "intermediate":
            assert re.fullmatch(r"int_[a-z0-9_]+", name), name
        elif its_layer == "features":
            assert re.fullmatch(r"feat_[a-z0-9_]+", name), name
        else:
            assert not re.fullmatch(RESERVED, name), f"{name}: marts have plain plural nouns"


def test_every_model_says_what_a_row_is(models: list[dict[str, Any]]) -> None:
    """Staging models are described by their source table; all others by themselves, grain first."""
    silent = [
        model["name"]
        for model in models
        if layer(model) not in ("staging", "scores")
        and not model["description"].strip().startswith("One row per ")
    ]
    assert silent == []


def test_every_source_table_and_column_is_described(manifest: dict[str, Any]) -> None:
    for table in manifest["sources"].values():
        assert table["description"].strip(), table["name"]
        for column in table["columns"].values():
            assert column["description"].strip(), f"{table['name']}.{column['name']}"


def test_every_column_people_read_is_described_and_typed(models: list[dict[str, Any]]) -> None:
    for model in models:
        if layer(model) in ENFORCED or is_core(model):
            assert model["columns"], model["name"]
            for column in model["columns"].values():
                assert column["description"].strip(), f"{model['name']}.{column['name']}"
                assert column["data_type"], f"{model['name']}.{column['name']}"


def test_every_mart_tests_its_key(manifest: dict[str, Any], models: list[dict[str, Any]]) -> None:
    tested = {
        test["attached_node"]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test"
        and (test.get("test_metadata") or {}).get("name") == "well_formed"
        and test["test_metadata"]["kwargs"].get("key")
    }
    untested = [
        model["name"]
        for model in models
        if layer(model) in ENFORCED and model["unique_id"] not in tested
    ]
    assert untested == []


def test_marts_of_accounts_can_be_read_alone(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> None:
    """Behind the id stand the account's name, which is never empty, and the owner's."""
    filled = {
        test["attached_node"]: test["test_metadata"]["kwargs"].get("filled", [])
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test"
        and (test.get("test_metadata") or {}).get("name") == "well_formed"
    }
    marts = [
        model
        for model in models
        if layer(model) == "marts" and model["name"].startswith("account_")
    ]
    assert len(marts) > 20
    for model in marts:
        columns = list(model["columns"])
        place = columns.index("account_id")
        assert columns[place + 1 : place + 3] == ["account_name", "owner_name"], model["name"]
        assert "account_name" in filled[model["unique_id"]], model["name"]


def test_singular_tests_say_what_they_guard_and_what_not() -> None:
    for path in sorted((PROJECT_DIR / "tests" / "data").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        assert path.name.startswith("assert_"), path.name
        assert text.startswith("-- Guards"), path.name
        assert "-- Does not guard: " in text, path.name


# -- seeds, vars, literals -------------------------------------------------------------------------


def header(seed: dict[str, Any]) -> list[str]:
    path = PROJECT_DIR / seed["original_file_path"]
    with path.open(encoding="utf-8") as handle:
        return handle.readline().strip().split(",")


def test_every_seed_column_is_described_and_typed(seeds: list[dict[str, Any]]) -> None:
    for seed in seeds:
        columns = header(seed)
        assert seed["description"].strip(), seed["name"]
        assert [c for c in columns if not seed["columns"].get(c, {}).get("description")] == [], (
            seed["name"]
        )
        assert set(seed["columns"]) == set(columns), seed["name"]
        assert set(seed["config"]["column_types"]) == set(columns), seed["name"]


SEEDS_READ_BY_PYTHON = {
    "legal_forms": "orchestration/rules/ruleset.py reads it for match review",
    "placeholders": "orchestration/landing/identities.py reads it when files are taken",
    "name_words": "orchestration/rules/ruleset.py reads it for match review",
    "name_abbreviations": "orchestration/rules/ruleset.py reads it for match review",
    "match_weights": "orchestration/rules/ruleset.py reads it for match review",
    "match_levels": "orchestration/rules/ruleset.py reads it for match review",
    "research_questions": "orchestration/commands/interview_guide.py prints it",
    "live_since": "orchestration/landing/manifest.py reads it before dbt runs",
}


def test_every_seed_is_read(manifest: dict[str, Any], seeds: list[dict[str, Any]]) -> None:
    idle = {
        seed["name"]
        for seed in seeds
        if not any(child.startswith("model.") for child in manifest["child_map"][seed["unique_id"]])
    }
    assert idle == set(SEEDS_READ_BY_PYTHON)
    python = "".join(
        path.read_text("utf-8") for path in (PROJECT_DIR / "orchestration").rglob("*.py")
    )
    assert [name for name in idle if f"{name}.csv" not in python] == []


def project_text(*patterns: str) -> str:
    return "\n".join(
        path.read_text(encoding="utf-8")
        for pattern in patterns
        for path in sorted(PROJECT_DIR.glob(pattern))
    )


def project_vars() -> dict[str, Any]:
    project = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    return dict(project["vars"])


def test_every_var_is_used() -> None:
    sql = project_text("models/**/*.sql", "models/**/*.yml", "macros/**/*.sql")
    python = project_text("orchestration/**/*.py")
    idle = [
        name
        for name in project_vars()
        if not re.search(rf"\bvar\(\s*['\"]{name}['\"]", sql) and f'["{name}"]' not in python
    ]
    assert idle == []


def test_every_var_that_is_used_has_a_value() -> None:
    """A default in the SQL is a rule that no one finds."""
    sql = project_text("models/**/*.sql", "models/**/*.yml", "macros/**/*.sql")
    used = set(re.findall(r"\bvar\(\s*['\"](\w+)['\"]", sql))
    assert used <= set(project_vars())


def test_every_var_has_its_reason_in_a_comment() -> None:
    """A comment stands above each var, or above the block of vars without a blank line it is in."""
    text = (PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8")
    block = text[text.index("\nvars:") : text.index("\nmodels:")].splitlines()[2:]
    explained = False
    previous_was_comment = False
    for line in block:
        is_comment = line.lstrip().startswith("#")
        is_heading = is_comment and line.lstrip().startswith("# --")
        if is_heading:
            explained = False
        elif is_comment:
            explained = True
        elif line.strip():
            assert explained, f"no comment explains: {line.strip()}"
        previous_was_comment = is_comment
    assert not previous_was_comment


def test_no_number_of_the_business_stands_in_a_mart(models: list[dict[str, Any]]) -> None:
    """Numbers in marts are 0, 1, positions and sizes of types, or stand in the list above."""
    found = set()
    for model in models:
        if layer(model) not in ("marts", "exports", "restricted"):
            continue
        sql = (PROJECT_DIR / model["original_file_path"]).read_text(encoding="utf-8")
        sql = re.sub(r"\{#.*?#\}|--[^\n]*|'[^'\n]*'", " ", sql, flags=re.DOTALL)
        # in_words(value, decimals) and substring positions are form, not business.
        sql = re.sub(r"in_words\([^,]*,\s*\d\)|substring\([^)]*\)", " ", sql)
        for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", sql):
            plain = number.removesuffix(".0")
            if number not in STRUCTURAL_NUMBERS:
                found.add((model["name"], plain))
    assert found == set(LITERALS_IN_MARTS)


def test_models_read_no_clock() -> None:
    sql = project_text("models/**/*.sql", "macros/**/*.sql")
    sql = re.sub(r"\{#.*?#\}|--[^\n]*", " ", sql, flags=re.DOTALL)
    clocks = r"current_date|current_timestamp|now\(\)|getdate|run_started_at|today\(\)"
    assert re.findall(clocks, sql, flags=re.IGNORECASE) == []


def test_models_read_no_table_by_name(models: list[dict[str, Any]]) -> None:
    """Only ref() and source(): a table named by hand has no lineage."""
    for model in models:
        sql = re.sub(r"\{#.*?#\}|--[^\n]*|'[^'\n]*'", " ", model["raw_code"], flags=re.DOTALL)
        assert not re.findall(r"(?<!distinct )\b(?:from|join)\s+\w+\.\w+", sql), model["name"]


def test_usage_tracking_is_off() -> None:
    project = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["flags"]["send_anonymous_usage_stats"] is False
    assert NO_TRACKING["DO_NOT_TRACK"] in ("1", "true")
    dagster = yaml.safe_load((PROJECT_DIR / "orchestration" / "dagster.yaml").read_text("utf-8"))
    assert dagster["telemetry"]["enabled"] is False


# -- Python ----------------------------------------------------------------------------------------


def test_python_imports_only_from_its_room_and_those_below() -> None:
    """Wherever in a file the import stands; and no two files import each other."""
    files = {}
    for folder in ("orchestration", "tools"):
        for path in (PROJECT_DIR / folder).rglob("*.py"):
            parts = path.relative_to(PROJECT_DIR).with_suffix("").parts
            files[".".join(parts).removesuffix(".__init__")] = path
    graph = {name: ({*imported_by(path)} & {*files}) - {name} for name, path in files.items()}

    def room(module: str) -> str:
        return module.removeprefix("orchestration.").split(".")[0]

    height = {room: place for place, room in enumerate(("orchestration", *ROOMS))}
    assert {room(module) for module in files} == {*height}
    running_up = [
        f"{module} imports {name}"
        for module, names in graph.items()
        for name in names
        if height[room(name)] > height[room(module)]
    ]
    assert running_up == []
    TopologicalSorter(graph).prepare()  # raises CycleError


# -- YAML ------------------------------------------------------------------------------------------


def faults_of_yaml(text: str) -> list[str]:
    """What a strict parser refuses in a YAML text, and what a lenient one misreads.

    Such a one takes `{description: Why, in words.}` for a description `Why` and a key `in words.`.
    """
    faults: list[str] = []

    def look(node: yaml.Node) -> None:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                look(item)
        if not isinstance(node, yaml.MappingNode):
            return
        names = [key.value for key, _ in node.value]
        if len(set(names)) != len(names):
            faults.append(f"line {line}: a key stands twice among {names}")
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not re.fullmatch(r"[\w.+/-]+", key.value):
                faults.append(f"line {line}: {key.value!r} is part of a text and read as a key")
            # Where something is described, not where a column of that name is typed.
            describes = key.value == "description" and "name" in names
            if describes and not value.value.strip().endswith((".", ")", "}}")):
                faults.append(f"line {line}: the description ends in the middle: {value.value}")
            look(value)

    try:
        # The parser written in Python is stricter than the one in C.
        for document in yaml.compose_all(text, yaml.SafeLoader):
            look(document)
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark
        faults.append(f"line {place.line + 1 if place else '?'}: {error.problem}")
    return faults


def test_every_yaml_file_reads_as_it_is_meant() -> None:
    # Keys of a mapping are a system's own words; its reader tells what is wrong (test_mappings.py).
    others = {"target", "data", "logs", "mappings"}
    files = [
        path
        for ending in ("yml", "yaml")
        for path in PROJECT_DIR.rglob(f"*.{ending}")
        if path.relative_to(PROJECT_DIR).parts[0] not in others
        and not any(part.startswith(".venv") for part in path.parts)
    ]
    assert len(files) > 60
    faults = {
        str(path.relative_to(PROJECT_DIR)): found
        for path in files
        if (found := faults_of_yaml(path.read_text(encoding="utf-8")))
    }
    assert faults == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {name: a, description: Cut, in two.}", "read as a key"),
        ("- {name: a, description: Nothing ends it}", "ends in the middle"),
        ("- {name: a, question: Does it hurt?, field: b}", "expected ',' or '}'"),
        ("- {name: a, description: One., name: b}", "stands twice"),
    ],
)
def test_yaml_that_reads_otherwise_is_found(text: str, fault: str) -> None:
    assert fault in faults_of_yaml(text)[-1]
