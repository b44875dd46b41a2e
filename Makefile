# The front door. `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

help: ## List the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: .venv/run ## Start everything with a demo: database, service, worker, simulated phone. PORT=8000 moves it.
	@$(BIN)/wallet-service run

test: .venv/test ## Run the whole test suite.
	@$(BIN)/python -m pytest -q -n 3 --dist loadgroup

check: .venv/test ## Check style and types, then run the tests.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory test

bench: .venv/test ## Print speed as ratios, measured in one run.
	@$(BIN)/python -m bench

soak: .venv/test ## Run the tests that take minutes: long loads and outages, all on this machine.
	@$(BIN)/python -m pytest -v -n auto --dist loadgroup -m soak

lock: .venv/run ## Pin every dependency anew, with hashes and without addresses.
	@$(BIN)/pip install -qq uv
	@for part in run test; do \
		$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
			--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
			$$(test $$part = test && echo --extra dev) pyproject.toml requirements/build.in -o requirements/$$part.txt; \
	done

clean: ## Remove the environment and everything that runs have left in var/.
	@[ ! -L var/postgres ] || rm -rf "$$(readlink var/postgres)"
	rm -rf .venv var .pytest_cache .hypothesis .mypy_cache .ruff_cache

# Versions are pinned with their hashes; where a release is missing for this machine, pip says which.
.venv/run: requirements/run.txt pyproject.toml
	@$(PYTHON) -m venv .venv
	@echo "Installing …"
	@$(BIN)/pip install -qq --require-hashes -r requirements/run.txt
	@PYTHONWARNINGS=ignore $(BIN)/pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

.venv/test: .venv/run requirements/test.txt
	@$(BIN)/pip install -qq --require-hashes -r requirements/test.txt
	@touch $@

.PHONY: help run test check bench soak lock clean
