# Each target sets itself up: `.venv` is made from pyproject.toml with the tested versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
CORE := .venv/.core
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help quickstart test fuzz bench check docs dist format tree cards clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

quickstart: $(CORE) ## train and score a model on included recordings: no GPU, about three minutes with the installation
	$(BIN)/audio-ft quickstart

test: $(STAMP) ## run the tests on two processes, in random order
	$(BIN)/python -m pytest -n 2

fuzz: $(STAMP) ## give broken files to every reader for one minute (SECONDS=600 for ten)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,fuzz]'
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz --seconds $(or $(SECONDS),60)

bench: $(STAMP) ## measure ours beside others (benchmarks/README.md; ROW=cleaning for one row)
	$(BIN)/python benchmarks/bench.py $(ROW)

check: $(STAMP) docs ## check lint, formatting, docstrings, types, imports and the links of the documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(STAMP) ## build the documentation into build/site; a broken link is an error
	$(BIN)/python docs/commands.py
	$(BIN)/zensical build --strict

dist: $(STAMP) ## build wheel and sdist into dist/, and check them as a package index would
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,dist]'
	rm -rf dist
	$(BIN)/python -m build # the wheel is built from the sdist, so nothing is missing there
	$(BIN)/twine check --strict dist/*

format: $(STAMP) ## fix formatting, and what lint can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tree: ## write the tree of audio_ft/ into CONTRIBUTING.md
	$(PYTHON) tools/tree.py

cards: $(STAMP) ## write model_cards/ again; RUNS=folder adds the finished runs there
	$(BIN)/python model_cards/make.py $(RUNS)

clean: ## remove .venv, builds and caches
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The core alone: what quickstart needs, without extras and development tools.
$(CORE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make needs Python 3.11 or newer for the versions in constraints.txt (PYTHON=python3.11 make …);" \
	  "with Python 3.10 use: pip install ."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(STAMP): $(CORE)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
