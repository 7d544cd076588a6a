# Everything a newcomer or CI needs. `make eval` runs the main job, `make check` the whole test suite.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One build of everything that this release was tested with. To take PyTorch's CPU build where PyPI would give
# another, install torch into $(VENV) first, as pytorch.org tells, then run make.
CONSTRAINTS ?= constraints.txt

.PHONY: eval check test lint types contracts format clean

eval: $(VENV)/eval.installed
	$(BIN)/promptctl eval --report terminal --report html

check: lint types contracts test

$(VENV)/eval.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[eval,local]'
	touch $@

$(VENV)/dev.installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[dev]'
	touch $@ $(VENV)/eval.installed

lint: $(VENV)/dev.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/dev.installed
	$(BIN)/mypy

contracts: $(VENV)/dev.installed
	$(BIN)/lint-imports --no-cache

test: $(VENV)/dev.installed
	$(BIN)/pytest $(PYTEST_ARGS)

format: $(VENV)/dev.installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
