# Everything a newcomer or CI needs. `make eval` runs the main job, `make check` the whole test suite.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One build of everything that this release was tested with. To take PyTorch's CPU build where PyPI would give
# another, install torch into $(VENV) first, as pytorch.org tells, then run make.
CONSTRAINTS ?= constraints.txt
INSTALLED ?= $(VENV)/eval.installed
INSTALLED_DEV ?= $(VENV)/dev.installed

.PHONY: eval check test lint types contracts format clean

eval: $(INSTALLED)
	$(BIN)/promptctl eval --report terminal --report html

check: lint types contracts test

$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[eval,local]'
	touch $@

$(INSTALLED_DEV): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[dev]'
	touch $@ $(INSTALLED)

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED_DEV)
	$(BIN)/mypy

contracts: $(INSTALLED_DEV)
	$(BIN)/lint-imports --no-cache

test: $(INSTALLED_DEV)
	$(BIN)/pytest $(PYTEST_ARGS)

format: $(INSTALLED_DEV)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
