# Every target does its own set-up; the second time that costs nothing.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
SETUP := $(PYTHON) tools/setup.py
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Images of containers often set it; every `panal` would compile all its sources anew, two fifths of its start.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## the platform with virtual devices, a demo account and the address to open
	@$(SETUP) packages assets translations micropython-if-possible
	@$(BIN)/panal demo

check: ## format, lint, types, import contracts, migrations, translations, documents
	@$(SETUP) developer-packages assets translations
	@bash tools/check.sh

test: ## every test, on SQLite and then on PostgreSQL
	@$(SETUP) developer-packages assets translations programs micropython
	@bash tools/test.sh

bench: ## measurements side by side with their peers, as ratios
	@$(SETUP) developer-packages assets translations
	@$(BIN)/python -m benchmarks

soak: ## the door's rules against hundreds of thousands of random steps
	@$(SETUP) developer-packages
	@SOAK_EXAMPLES=6000 $(BIN)/pytest panal/cells/access/tests/test_invariants.py -s --timeout=0

pictures: ## the pictures of the documents, taken by walking the tour and the walk
	@$(SETUP) developer-packages assets translations programs micropython
	@PICTURES=docs/images $(BIN)/pytest tests/end_to_end/test_tour.py tests/end_to_end/test_walk.py

format: ## write the code as `make check` wants it
	@$(SETUP) developer-packages
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(BIN)/python tools/settings_doc.py

lock: ## the lock files again, after a change of pyproject.toml
	@$(SETUP) developer-packages lock

clean: ## remove what was installed and built (never the data folder)
	rm -rf .venv node_modules build .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find panal tests tools -name '*.mo' -delete -o -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help run check test bench soak pictures format lock clean
