# Every recipe only calls tools; the logic lives in tests/ and tools/.
.DEFAULT_GOAL := help
BIN := .venv/bin

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# tools/setup installs what is missing (apt as root or through sudo) and makes .venv.
.venv/.done: pyproject.toml tools/setup
	tools/setup
	@touch $@

setup: .venv/.done ## make .venv and install the tools that are missing

hello: .venv/.done ## build, explain and run the example image
	tools/hello

test: .venv/.done ## install what is missing and run all tests
	tools/with-docker $(BIN)/pytest

test-quick: .venv/.done ## the tests that need no tool but Python
	$(BIN)/pytest tests/unit tests/arch

lint: .venv/.done ## ruff, mypy, floors, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src tests tools bench docs README.md

fmt: .venv/.done ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

corpus: .venv/.done ## build, run and exercise the real programs
	tools/with-docker $(BIN)/pytest -m corpus tests/integration

corpus-small: .venv/.done ## the small corpus with every Go release, mode and architecture
	$(BIN)/pytest tests/integration/test_corpus.py --all-releases

bench: .venv/.done ## measure against the peers and append to bench/history.jsonl
	tools/with-docker $(BIN)/python bench/run.py

entry: .venv/.done ## build the entry programs anew (needs the extra cgo)
	$(BIN)/python tools/entry

docs: .venv/.done ## write the reference from the code
	$(BIN)/python tools/reference.py

clean: ## remove what the recipes made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help setup hello test test-quick lint fmt corpus corpus-small bench entry docs clean
