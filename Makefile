# The two commands of the README: make demo, make test. Also: make check, make bench.
PYTHON ?= python3
BIN := .venv/bin
FOLDER ?= demo

.PHONY: demo test check bench format clean

demo: .venv/base
	$(BIN)/cryobatch demo --again --folder "$(FOLDER)"

test: .venv/dev
	tools/install-packages chromium fonts-dejavu-core relion rsync
	$(BIN)/pytest -n auto $(ARGS)

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_links.py

bench: .venv/dev
	tools/install-packages relion
	$(BIN)/python -m benchmarks $(ARGS)

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv demo

.venv/bin/python:
	$(PYTHON) -m venv .venv || { tools/install-packages python3-venv && $(PYTHON) -m venv --clear .venv; }

.venv/base: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/dev: .venv/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
