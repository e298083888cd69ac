# 前哨: everything a developer types. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := bot handlers jobs cards integrations storage domain sandbox tests bench
PORT ?= 8080

.DEFAULT_GOAL := help
.PHONY: help env demo test lint fmt bench chaos soak model lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

env: $(VENV)/.base ## the environment in .venv, from the hash-locked requirements

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 2; }
	@touch $@

$(VENV)/.base: requirements/base.txt $(VENV)/.python
	@echo "installing requirements/base.txt into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $< && touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.python
	@echo "installing requirements/dev.txt into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $< && touch $@ $(VENV)/.base

.venv-bench/.done: requirements/bench.txt
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $< && touch $@

demo: $(VENV)/.base ## server, simulated WeCom/DingTalk/Taobao and the web chat console on one port (FRESH=1 starts over)
	@exec $(BIN)/python -m bot demo --port $(PORT) $(if $(FRESH),--fresh)

test: $(VENV)/.dev ## every test; installs what is missing from Debian's packages when it may
	@$(BIN)/python -m tests.run

lint: $(VENV)/.dev ## ruff, mypy --strict, import rules, lock files, the shape of the house, the connectors' checklist
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m tests.house
	$(BIN)/python -m tests.connector_rules
	$(BIN)/mypy

fmt: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(VENV)/.dev .venv-bench/.done ## every figure, ours beside the peers', into bench/RESULTS.md
	@$(BIN)/python -m bench

chaos: $(VENV)/.dev ## the fleet under 1,000 faults: 100,000 callbacks, 10,000 refunds, a ledger at the end (ARGS="--seed 7 --faults 50 …")
	@$(BIN)/python -m tests.chaos $(ARGS)

model: $(VENV)/.dev ## every interleaving of the inbox/outbox/approval protocol, the larger bounds (docs/protocol.md)
	@$(BIN)/python -m tests.model

soak: $(VENV)/.dev .venv-bench/.done ## an hour at ten times the normal rate: does anything grow? into bench/RESULTS.md (ARGS="--minutes 5")
	@$(BIN)/python -m bench.soak $(ARGS)

lock: $(VENV)/.dev ## write the lock files anew from requirements/*.in
	for name in base dev bench; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate requirements/$$name.in -o requirements/$$name.txt; done

clean: ## remove environments, caches and data
	rm -rf .venv .venv-bench data .mypy_cache .ruff_cache .hypothesis .import_linter_cache .artifacts
