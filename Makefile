# Two commands do all the set-up: `make up` runs the stack, `make test` proves it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
# Minutes each, and in need of a machine that does nothing else.
LONG   := tests/reliability tests/e2e/test_e2e_drill.py

.DEFAULT_GOAL := help
# In the order in which they stand: tests want the machine for themselves.
.NOTPARALLEL:
.PHONY: help up down setup lock test check lint types generated unit integration e2e compose proofs drill screenshots servers fmt clean

help: ## Show what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: setup ## Run everything in the foreground; Ctrl-C stops it, data stays (ARGS="--detach")
	@$(BIN)/belfry up $(ARGS)

down: setup ## Stop a stack started with ARGS=--detach
	@$(BIN)/belfry down

setup: $(VENV)/.ready ## Make the virtual environment from the locked, hashed requirements

$(VENV)/.ready: requirements.lock deploy/bootstrap.lock pyproject.toml
	@echo "setting up $(VENV)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/bootstrap.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

lock: setup ## Resolve the dependencies anew and pin them with hashes
	$(BIN)/uv pip compile --quiet --upgrade --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header pyproject.toml -o requirements.lock
	grep -E '^uv==' requirements.lock | cut -d' ' -f1 | $(BIN)/uv pip compile --quiet --universal \
	  --python-version 3.11 --generate-hashes --no-annotate --no-header - -o deploy/bootstrap.lock

check: lint types generated ## What the pre-commit hook runs: lint, types, generated files

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

generated: setup
	$(BIN)/python -m dashboards --check
	$(BIN)/python -m observability.alerting --check

fmt: setup ## Format and mend what the linter can mend
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

servers: setup ## Build or install the real servers that the tests run against
	@bash tests/install-servers
	@$(BIN)/python -m observability.stack.build

unit: setup
	$(BIN)/pytest tests/unit

integration: servers
	@bash .ci/twice tests/integration

e2e: servers
	@bash .ci/twice tests/e2e $(LONG:%=--ignore=%)

test: check servers unit integration e2e ## Prove it: lint, types, unit, integration and end-to-end on real servers

proofs: servers ## The long ones: 200 orders under kills, outages, scaling, drills
	OUTAGE_SECONDS=$${OUTAGE_SECONDS:-30} $(BIN)/pytest $(LONG)

drill: setup ## Every scenario, on the running stack or one of its own: fault, alert, notification, resolved
	@bash .ci/drill $(ARGS)

screenshots: setup ## Pictures of the console's main views, from the running stack
	$(BIN)/python -m observability.console.screenshots

compose: setup ## Prove the containers: the end-to-end test against `docker compose up`
	@bash .ci/compose

clean: ## Remove the virtual environment and the state folder
	@test ! -e .belfry/supervisor.lock || ! command -v flock >/dev/null || flock -n .belfry/supervisor.lock true \
	  || { echo "a stack is running on .belfry: stop it first with \`make down\`" >&2; exit 1; }
	rm -rf $(VENV) .belfry
