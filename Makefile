# The project's commands. They create files only under .state, which git ignores.
PYTHON ?= python3
PORT ?= 7071
# What runs the functions: `local`, or `func` (Azure Functions Core Tools). Not from the environment, where
# some shells put the machine's name.
HOST := local
JOBS ?= 200
STATE := .state
BIN := $(STATE)/venv/bin
VENV := $(STATE)/venv/.ready
WORKER := $(STATE)/worker/.ready
AZURITE := $(STATE)/node/.ready
KQL := $(STATE)/kql/.ready
CHECKOV := $(STATE)/checkov/.ready
EXAMPLES := $(STATE)/examples/.ready
# Of every Python that make starts; without it, each folder of modules would get a __pycache__.
export PYTHONPYCACHEPREFIX := $(abspath $(STATE))/pycache
# Some environments set it; then every process that starts would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
LINTED := function_app.py blast_orchestrator activities triggers shared local sidecar bench tests docs/examples clients

FAULT_TESTS := tests/faults tests/simulation tests/activities/batch tests/end_to_end/test_batch.py \
	tests/shared/blast/test_fasta_oracle.py tests/shared/elastic_blast/test_options_oracle.py \
	tests/local/elastic_blast/test_accepted_requests.py

.PHONY: run demo test acceptance faults check docs bench screenshots clean setup tools programs worker examples

# If PYTHON names another version than that of the venv, create the venv again.
ifneq ($(origin PYTHON),file)
ifneq ($(shell python=$$(local/find_python.sh $(PYTHON)) && $$python -V),$(shell test -x $(BIN)/python && $(BIN)/python -V))
.PHONY: $(VENV)
endif
endif

run: setup ## start everything on this machine, run a demo search, serve until Ctrl-C
	@$(BIN)/python -m local run --port $(PORT) --host $(HOST)

demo: setup ## start everything, run the demo search, stop; fails if the hits are wrong
	@$(BIN)/python -m local demo --host $(HOST)

test: setup check worker programs ## all tests but those of `make acceptance` and `make faults`
	@$(BIN)/python -m pytest -n 2 --dist worksteal

acceptance: setup worker programs examples $(CHECKOV) ## long tests: the page, whole searches, clients of others, days of simulated time
	@local/need.sh chromium chromium
	@local/need.sh bp_remote_blast.pl libbio-tools-run-remoteblast-perl
	@echo "Checking infra/ with checkov" && $(STATE)/checkov/bin/checkov --config-file infra/checkov.yaml
	@$(BIN)/python -m pytest -m 'acceptance and not faults' -n 2 --dist worksteal

faults: setup ## fault injection, every crash point and many concurrent jobs: half an hour or more
	@$(BIN)/python -m pytest $(FAULT_TESTS) -m '' -n 2 --dist worksteal --ignore tests/faults/test_many.py
	@$(BIN)/python -m pytest tests/faults/test_many.py -m '' -n 0 --jobs $(JOBS)

check: $(VENV) ## format, lint, types, layers, documents
	@echo "Checking the format" && $(BIN)/ruff format --check --quiet $(LINTED)
	@echo "Checking the code by ruff's rules" && $(BIN)/ruff check --quiet $(LINTED)
	@echo "Checking types" && $(BIN)/mypy --no-error-summary
	@echo "Checking the layers" && log=$$(mktemp) && { $(BIN)/lint-imports --no-cache >"$$log" 2>&1 \
		|| { cat "$$log"; rm -f "$$log"; exit 1; }; } && rm -f "$$log"
	@echo "Checking the documents made from code" && $(BIN)/python -m tests.support.documents --check
	@echo "Checking words" && $(BIN)/python -m tests.support.prose
	@echo "All checks passed"

docs: $(VENV) ## write what is made from code: docs/openapi.json, docs/settings.md, docs/traceability.md
	@$(BIN)/python -m tests.support.documents

bench: setup ## all measurements
	@$(BIN)/python -m bench

screenshots: setup ## create the screenshots of the page in docs/images
	@local/need.sh chromium chromium
	@$(BIN)/python -m tests.ui.screenshots

setup: $(VENV) $(AZURITE) tools

tools:
	@local/need.sh blastn ncbi-blast+

programs: ## what tests need beside that
	@local/need.sh kubectl kubernetes-client
	@local/need.sh zsh zsh

worker: ## set up Azure's Python worker for tests/worker; needs Python 3.13
	@if local/find_python.sh python3.13 >/dev/null; then $(MAKE) -s $(WORKER); \
	elif [ "$$REQUIRE_WORKER" = 1 ]; then \
		echo "Python 3.13 was not found, but REQUIRE_WORKER=1 requires the tests in Azure's Python worker."; exit 1; \
	else echo "Python 3.13 was not found: the tests in Azure's Python worker are skipped."; fi

$(VENV): requirements.txt requirements-dev.txt sidecar/requirements.txt clients/python/pyproject.toml
	@python=$$(local/find_python.sh $(PYTHON)) \
		&& $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set it with: make PYTHON=python3.13"; exit 1; }; \
	echo "Setting up Python packages in $(STATE)/venv; this takes about two minutes ..."; \
	$$python -m venv --clear $(STATE)/venv
	@$(BIN)/pip install -qq --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps -e clients/python
	@touch $@

$(WORKER): requirements.txt tests/worker/requirements.txt
	@echo "Setting up Azure's Python worker in $(STATE)/worker ..."
	@$$(local/find_python.sh python3.13) -m venv --clear $(STATE)/worker
	@$(STATE)/worker/bin/pip install -qq --disable-pip-version-check -r requirements.txt -r tests/worker/requirements.txt
	@touch $@

examples: $(EXAMPLES) ## set up what runs docs/examples: Snakemake, a notebook's kernel, pandas, polars
$(EXAMPLES): tests/clients/requirements.txt clients/python/pyproject.toml $(VENV)
	@echo "Setting up what runs docs/examples in $(STATE)/examples; this takes a minute ..."
	@$(BIN)/python -m venv --clear $(STATE)/examples
	@$(STATE)/examples/bin/pip install -qq --disable-pip-version-check -r tests/clients/requirements.txt
	@$(STATE)/examples/bin/pip install -qq --disable-pip-version-check --no-deps -e clients/python
	@touch $@

$(AZURITE): local/azurite/package.json local/azurite/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null \
		|| { echo "Node 20 or newer with npm is needed: see https://nodejs.org"; exit 1; }
	@echo "Setting up Azurite in $(STATE)/node ..."
	@mkdir -p $(STATE)/node && cp $^ $(STATE)/node
	@npm ci --prefix $(STATE)/node --no-audit --no-fund --loglevel=error
	@touch $@

test: $(KQL)
$(KQL): tests/monitoring/kql/package.json tests/monitoring/kql/package-lock.json
	@echo "Setting up Microsoft's parser of KQL in $(STATE)/kql ..."
	@mkdir -p $(STATE)/kql && cp $^ $(STATE)/kql
	@npm ci --prefix $(STATE)/kql --no-audit --no-fund --loglevel=error
	@touch $@

# In an environment of its own: its packages are of other versions than the project's.
$(CHECKOV): tests/infra/checkov/requirements.txt
	@echo "Setting up checkov in $(STATE)/checkov ..."
	@$$(local/find_python.sh $(PYTHON)) -m venv --clear $(STATE)/checkov
	@$(STATE)/checkov/bin/pip install -qq --disable-pip-version-check -r tests/infra/checkov/requirements.txt
	@touch $@

clean: ## remove everything that these commands created
	@rm -rf $(STATE)
