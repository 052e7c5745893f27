# Every command of the project. Each sets up its own environment first; `make` alone lists them.
# Settings (LANDING_DIR, WAREHOUSE_PATH, PUBLISHED_DIR, START_DATE, END_DATE, CONFIRM) come from the
# environment or stand after the command: make refresh LANDING_DIR=/path/to/files

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo init refresh doctor add-source as-of explain guide dev test test-long bench bench-compare lint lint-python lint-types lint-sql format clean

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
# Only installs; it lives beside what it installs, so that it is no dependency of the project.
UV_VERSION := 0.13.9
BOOTSTRAP := $(VENV)/.bootstrap
# For make test-long alone: its half a gigabyte is no dependency of the project.
SPARK_VERSION := 4.3.0
SPARK := $(VENV)/spark

export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := 1
# Imports are seconds of every command; keep their bytecode. The dagster command looks for the code here.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPATH := $(CURDIR)
export DBT_PROFILES_DIR := $(CURDIR)/profiles

DEMO := data/demo
DEMO_ACCOUNTS ?= 2000
DEMO_ACTIVITIES ?= 1000000
# salesforce, hubspot or both.
DEMO_CRM ?= both
SIMULATION := --accounts $(DEMO_ACCOUNTS) --activities $(DEMO_ACTIVITIES) --crm $(DEMO_CRM)

PORT ?= 3000

# Sizes of the bench, in million acts.
ACTS ?= 1 10

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

demo: $(READY) ## Simulate a company, refresh all of its days, print the activation gap
	@$(PYTHON) -m orchestration.commands.demo_refresh --folder $(DEMO) $(SIMULATION)

init: $(READY) ## Propose rules from the files in LANDING_DIR; take them: make init ACCEPT=all
	@$(PYTHON) -m orchestration.commands.init

refresh: $(READY) ## Take in LANDING_DIR and publish the marts, for START_DATE to END_DATE
	@$(PYTHON) -m orchestration.commands.refresh

# make itself ends with 2 on any failure, so warnings alone, which are 1, count as no failure here.
doctor: $(READY) ## Say what lands, what came of it and what to do (ALL=1 for all, JSON=1 for scripts)
	@$(PYTHON) -m orchestration.commands.doctor $(if $(ALL),--all) $(if $(JSON),--json) || [ $$? -eq 1 ]

add-source: $(READY) ## Write the beginning of a mapping from the files of a CRM: make add-source NAME=acmecrm
	@test -n "$(NAME)" || { echo "Which folder of LANDING_DIR? make add-source NAME=acmecrm" >&2; exit 2; }
	@$(PYTHON) -m orchestration.commands.add_source "$(NAME)"

as-of: $(READY) ## Show a past day as it was known then: make as-of DATE=2026-06-15
	@test -n "$(DATE)" || { echo "Which day? make as-of DATE=2026-06-15" >&2; exit 2; }
	@$(PYTHON) -m orchestration.commands.refresh --as-of "$(DATE)"

explain: $(READY) ## Tell one account's story: make explain ACCOUNT=acme.com DATE=2026-06-15
	@$(PYTHON) -m orchestration.commands.explain

guide: $(READY) ## Write the interview guide anew from the codebook in seeds/research
	@$(PYTHON) -m orchestration.commands.interview_guide

dev: $(READY) ## Start the Dagster UI on this machine (PORT, 3000)
	@$(PYTHON) -m orchestration.commands.dev --port $(PORT)

test: $(READY) ## Run all tests but the long ones
	@$(PYTHON) -m pytest

# results.xml is written at the end, results.txt test by test (tests/python/conftest.py).
LONG := data/test-long/$(shell date -u +%Y-%m-%dT%H%M%S)
test-long: $(READY) $(SPARK)/.ready ## Run what CI cannot afford: simulations, kills (SIMULATIONS, KILLS), Spark's parser
	@$(PYTHON) -m pytest -m long --dist=load --junitxml=$(LONG)/results.xml

# Of no use without Java; the test that wants it says so.
$(SPARK)/.ready: $(READY)
	@echo "Installing Spark $(SPARK_VERSION) into $(SPARK) ..."
	@test -x $(SPARK)/bin/python || python3 -m venv $(SPARK)
	@$(SPARK)/bin/pip install --quiet --disable-pip-version-check pyspark==$(SPARK_VERSION)
	@touch $@

bench: $(READY) ## Measure what a refresh costs at ACTS million acts: make bench ACTS="1 10"
	@$(PYTHON) -m tools.bench run $(ACTS) $(if $(RESULT),--result "$(RESULT)")

bench-compare: $(READY) ## Say what became slower or faster: make bench-compare ONE=before OTHER=after
	@test -n "$(ONE)" -a -n "$(OTHER)" || { echo "Which results? make bench-compare ONE=before OTHER=after" >&2; exit 2; }
	@$(PYTHON) -m tools.bench compare "$(ONE)" "$(OTHER)"

lint: lint-python lint-types lint-sql ## Check style and types

lint-python: $(READY)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

lint-types: $(READY)
	@$(VENV)/bin/mypy

lint-sql: $(READY)
	@$(PYTHON) -m tools.lint_sql

format: $(READY) ## Mend the style that can be mended by itself
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/sqlfluff fix --processes 2 models tests/data

clean: ## Remove what can be made again: the demo, builds, caches. Keeps .venv and your data
	rm -rf $(DEMO) target logs .dagster .pytest_cache .mypy_cache .ruff_cache .sqlfluff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(READY): requirements.lock
	@python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	|| { echo "python3 is $$(python3 --version 2>&1); 3.11, 3.12 or 3.13 is needed." >&2; exit 2; }
	@echo "Installing what requirements.lock names into $(VENV) ..."
	@test -x $(PYTHON) || python3 -m venv --without-pip $(VENV)
	@test -x $(BOOTSTRAP)/bin/pip || python3 -m venv $(BOOTSTRAP)
	@$(BOOTSTRAP)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BOOTSTRAP)/bin/uv pip sync --compile-bytecode --system-certs --require-hashes --python $(PYTHON) requirements.lock
	@touch $@
	@echo "Parsing the project ..."
	-@$(PYTHON) -m orchestration.engine.dbt_runner
