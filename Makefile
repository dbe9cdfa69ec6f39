# `make lesson` and `make test` need nothing but Python 3.11 or 3.12; both build .venv first.
.DEFAULT_GOAL := help
.PHONY: help lesson test test-slow test-all test-browser faults notebooks site lint requirements

IN_RANGE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON := $(shell for name in python3.12 python3.11 python3 python; do \
	$$name -c '$(IN_RANGE)' >/dev/null 2>&1 && echo $$name && break; done)
BIN := .venv/bin

help:
	@echo 'make lesson      train and test all models of the lesson; DATA=DIR on texts of yours'
	@echo 'make test        run the tests; make test-slow runs the long ones, make test-all both'
	@echo 'make test-browser  try site and attention viewer in Chromium'
	@echo 'make faults      kill trainings, fill disks, damage files: what comes of it, in a table'
	@echo 'make notebooks   open the notebooks in Jupyter Lab'
	@echo 'make site        build course, reference and how-to as pages in site/'
	@echo 'make lint        check style'

lesson: .venv/ready
	$(BIN)/python -m keras_transformers compare --output runs/lesson $(if $(DATA),--data '$(DATA)')
	@echo
	@echo '`make notebooks` opens the notebooks that explain all of it; `make lesson DATA=DIR` takes news of yours.'

# File by file: much of a test is tracing, which keeps one core busy.
TWO_AT_A_TIME := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: .venv/torch lint
	$(TWO_AT_A_TIME)
	$(TWO_AT_A_TIME) --doctest-modules keras_transformers
	KERAS_BACKEND=jax $(TWO_AT_A_TIME) $(BACKEND_TESTS)
	KERAS_BACKEND=torch $(TWO_AT_A_TIME) $(BACKEND_TESTS)

test-slow: .venv/torch
	$(BIN)/python -m pytest -m slow

test-browser: .venv/playwright
	$(BIN)/python -m pytest -m browser

test-all: test test-slow

faults: .venv/ready
	$(BIN)/python benchmarks/faults

notebooks: .venv/ready
	$(BIN)/jupyter lab notebooks

# Pages that open from the disk: nothing in them comes from elsewhere.
site: .venv-site/ready .venv/ready
	NO_MKDOCS_2_WARNING=1 .venv-site/bin/mkdocs build --strict
	.venv-site/bin/python docs/check.py site
	@echo 'Open site/index.html in a browser.'

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

requirements:
	uv pip compile setup.cfg --extra test --extra notebooks --universal --python-version 3.11 -o requirements.txt
	uv pip compile docs/requirements.in --universal --python-version 3.11 -o docs/requirements.txt

# The tests of what uses Keras alone, to be run on other backends.
BACKEND_TESTS := tests/layers

# From PyPI it would be several GB for everybody, so that it is no requirement.
TORCH ?= torch==2.13.0

.venv/torch: .venv/ready
	$(BIN)/python -m pip install --quiet $(TORCH)
	@touch $@

CHROMIUM := $(firstword $(foreach name,chromium chromium-browser chrome,$(shell command -v $(name))))

# Of Playwright the driver alone: the browser is the system's.
.venv/playwright: .venv/ready
	@test -n '$(CHROMIUM)' || { echo 'make test-browser needs Chromium, from the package manager of' \
		'the system: apt-get install chromium, dnf install chromium, brew install chromium' >&2; exit 1; }
	$(BIN)/python -m pip install --quiet playwright
	@touch $@

.venv/ready: requirements.txt setup.cfg
	@test -n '$(PYTHON)' || { echo 'keras_transformers needs Python 3.11 or 3.12; found only:' \
		"$$(python3 --version 2>&1)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

.venv-site/ready: docs/requirements.txt docs/package-lock.json
	@test -n '$(PYTHON)' || { echo 'the site needs Python 3.11 or 3.12' >&2; exit 1; }
	$(PYTHON) -m venv .venv-site
	.venv-site/bin/python -m pip install --quiet --requirement docs/requirements.txt
	@mkdir -p .venv-site/npm && cp docs/package.json docs/package-lock.json .venv-site/npm
	PATH="$$PWD/.venv-site/bin:$$PATH" npm ci --prefix .venv-site/npm --ignore-scripts --no-audit --no-fund --silent
	@touch $@
