# `make lesson` and `make test` need nothing but Python 3.11 or 3.12; both build .venv first.
.DEFAULT_GOAL := help
.PHONY: help lesson test test-slow notebooks lint requirements

IN_RANGE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON := $(shell for name in python3.12 python3.11 python3 python; do \
	$$name -c '$(IN_RANGE)' >/dev/null 2>&1 && echo $$name && break; done)
BIN := .venv/bin

help:
	@echo 'make lesson      train, test and try the Transformer of the lesson'
	@echo 'make test        run the tests; make test-slow runs the long ones'
	@echo 'make notebooks   open the notebooks in Jupyter Lab'
	@echo 'make lint        check style'

lesson: .venv/ready
	$(BIN)/python -m keras_transformers train from-scratch

# Two at a time, file by file: much of a test is tracing, which keeps one core busy.
test: .venv/ready lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
	KERAS_BACKEND=jax $(BIN)/python -m pytest $(BACKEND_TESTS)

test-slow: .venv/ready
	$(BIN)/python -m pytest -m slow

notebooks: .venv/ready
	$(BIN)/jupyter lab notebooks

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

requirements:
	uv pip compile setup.cfg --extra test --extra notebooks --universal --python-version 3.11 -o requirements.txt

# The tests of what uses Keras alone, to be run on another backend.
BACKEND_TESTS := \
	tests/layers/test_dropout.py \
	tests/layers/test_gelu.py \
	tests/layers/test_layer_normalization.py \
	tests/layers/test_masked_average_pooling_1d.py \
	tests/layers/test_multi_head_self_attention.py \
	tests/layers/test_token_and_position_embedding.py \
	tests/layers/test_transformer_block.py

.venv/ready: requirements.txt setup.cfg
	@test -n '$(PYTHON)' || { echo 'keras_transformers needs Python 3.11 or 3.12; found only:' \
		"$$(python3 --version 2>&1)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@
