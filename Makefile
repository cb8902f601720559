# Needs a Python of at least 3.11 and make; everything else goes into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
IMAGE ?= trimtab

# The first interpreter that is new enough; PYTHON=… overrules.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)

# A stamp says what the environment holds, so that nothing is installed twice. The one for development includes the
# other. `pip` takes what the lock names, by hash, and asks nobody what else might be needed.
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

# Gives the terminal to the daemon alone before it becomes the daemon: Ctrl-C then reaches what has to end in good
# order and not make, which would report an interrupt and fail. Without a terminal nothing is changed.
define FOREGROUND
import os, signal, sys
if os.isatty(0):
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
endef
export FOREGROUND

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN_STAMP) ## Start the daemon on the embedded exchange; Ctrl-C ends it
	@exec $(BIN)/python -c "$$FOREGROUND" $(BIN)/trimtab run

# On all cores; what a module has set up is set up once, and the longest modules begin (tests/conftest.py).
SPREAD := --numprocesses=auto --dist=loadscope --no-loadscope-reorder

.PHONY: test
test: $(DEV_STAMP) ## Run the tests, with coverage of all but the long runs
	$(BIN)/pytest $(SPREAD) -m 'not slow' --cov --cov-report=term
	$(BIN)/pytest $(SPREAD) -m slow
	$(BIN)/coverage report --include='bot/domain/*,bot/decisions/*' --fail-under=100

.PHONY: lint
lint: $(DEV_STAMP) ## Check format, style, types and imports; runs no code of the bot
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: check
check: lint test ## Everything that has to hold before a commit

.PHONY: format
format: $(DEV_STAMP) ## Set the code in its format and mend what can be mended by a machine
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: simulate
simulate: $(DEV_STAMP) ## Let everything go wrong, by seeds (SEEDS=1-40 DAYS=1)
	$(BIN)/python -m tests.simulation.seeds --seeds $(or $(SEEDS),1-40) --days $(or $(DAYS),1)

.PHONY: mutants
mutants: $(DEV_STAMP) ## Plant mistakes one by one, and see which seed sees each
	$(BIN)/python -m tests.simulation.mutants

.PHONY: bench
bench: $(DEV_STAMP) ## Measure looks and simulated hours per CPU second, and the start
	$(BIN)/python -m tests.bench

.PHONY: soak
soak: $(DEV_STAMP) ## Run the daemon at 3600 × and see whether anything grows (MINUTES=60)
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),60)

.PHONY: image
image: ## Build the container image (IMAGE=name:tag)
	docker build --tag $(IMAGE) .

.PHONY: lock
lock: $(VENV)/bin/python ## Pin every dependency again, with hashes
	$(PIP) 'uv>=0.8'
	$(call compile,requirements.lock) pyproject.toml
	$(call compile,requirements-dev.lock) --extra dev --constraint requirements.lock pyproject.toml
	$(call compile,requirements-alerts.lock) --extra alerts --constraint requirements.lock pyproject.toml
	printf 'hatchling>=1.27\n' | $(call compile,requirements-build.lock) -

# For every Linux and every Python from 3.11 on; without the address of an index, which is the reader's to choose.
compile = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --output-file $(1)

.PHONY: clean
clean: ## Remove the environment and what the tools left; never the data folder
	rm -rf $(VENV) build dist *.egg-info htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache \
		.ruff_cache .import_linter_cache .ci/tmp
	find bot tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "Trimtab needs Python 3.11 or newer; none was found (PYTHON=… names one)." >&2; exit 1; fi
	@echo "Creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make an environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(RUN_STAMP): requirements.lock requirements-build.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing; this takes half a minute, once"
	@$(PIP) --require-hashes --no-deps -r requirements-build.lock -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements-dev.lock requirements-build.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing with the tools for development; this takes half a minute, once"
	@$(PIP) --require-hashes --no-deps -r requirements-build.lock -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(RUN_STAMP) $@
