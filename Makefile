# Prosa: `make demo` and `make test` work on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo test test-slow lint vendor clients clean

help:           ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: .venv/installed  ## make .venv with Prosa and its tools in it

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Prosa needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 " )'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "hatchling>=1.27" "editables>=0.5"
	$(BIN)/python -m pip install --quiet --no-build-isolation --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install   ## the main job: Portuguese text -> base model -> assistant -> what each stage gained + report
	$(BIN)/prosa build --recipe assistant --out runs/demo --resume auto

test: install   ## the tests (no network, minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-slow: install  ## the slow tests too
	$(BIN)/python -m pytest -m "slow or not slow" --timeout 3600

lint: install   ## formatting, types, the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

vendor:         ## fetch again what the web page ships of others' work (needs npm)
	src/prosa/serve/static/vendor/fetch.sh

CLIENTS := tests/serve/clients
RUN ?= runs/demo

clients: install .clients/installed  ## clients written for OpenAI against the server (RUN=runs/demo; needs npm)
	$(BIN)/python $(CLIENTS)/matrix.py $(RUN) --python .clients/bin/python --node .clients/node_modules

.clients/installed: $(CLIENTS)/requirements.txt $(CLIENTS)/package.json
	$(PYTHON) -m venv .clients
	.clients/bin/python -m pip install --quiet --requirement $(CLIENTS)/requirements.txt
	cp $(CLIENTS)/package.json .clients/
	npm install --prefix .clients --no-fund --no-audit --ignore-scripts
	@touch $@

clean:          ## remove the environment (runs/ stays)
	rm -rf .venv .clients
