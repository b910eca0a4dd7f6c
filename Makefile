# Two commands are enough: `make demo` and `make test`. Each prepares what it needs, and leaves nothing running.
PYTHON ?= python3
# Bytecode is kept, also where the shell asks for none: without it every process of ours compiles its packages anew.
export PYTHONDONTWRITEBYTECODE :=
prepare = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo 'Setup: Python 3.11 or later is needed. Name one: `make PYTHON=python3.13 …`.' >&2; exit 1; }; $(PYTHON) dev/prepare.py

# Files in the order of tests/conftest.py, not of how many tests they have. Three at a time on two processors, since
# tests wait for servers a third of their time.
pytest = .venv/bin/pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: client client-typescript histories demo dev test check check-fast format cluster-smoke screenshots audit sbom texts docs bench bench-quick bench-reads faults races fuzz soak followers mutants setup help

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

setup:  ## prepare .venv for everything below
	@$(prepare) dev

demo:  ## play sample orders to their end, with time skipped; STORY=silence plays one, BRIEF=1 prints a table, KEEP=1 leaves live orders open
	@$(prepare) demo
	@.venv/bin/recourse demo $(if $(STORY),--story "$(STORY)") $(if $(BRIEF),--brief) $(if $(KEEP),--keep)

dev:  ## a sandbox to build against, with a clock for each order; PORT (8000)
	@$(prepare) demo
	@.venv/bin/recourse dev $(if $(PORT),--port $(PORT))

test: setup  ## run every test on a real PostgreSQL and a real Temporal server; ARGS="-k silence" picks some
	@$(pytest) $(ARGS)

check: setup  ## lint, formatting, strict types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy .

check-fast: check  ## the same and the tests of the rules, within a minute: for between two edits
	@$(pytest) -q tests/rules

cluster-smoke: setup  ## play orders on a production-like Temporal on PostgreSQL; the first time builds it
	@RECOURSE_CLUSTER=1 .venv/bin/pytest tests/deploy/test_cluster.py $(ARGS)

bench:  ## measure side by side with other designs, some 20 minutes; the report goes to reports/; PARTS picks some
	@$(prepare) bench
	@.venv/bin/python -m bench $(PARTS)

bench-quick:  ## the same in some 5 minutes, with wider spread
	@$(prepare) bench
	@.venv/bin/python -m bench --quick $(PARTS)

bench-reads: setup  ## what lists and pages cost among SIZE orders (1000000), compared with a fetch by primary key
	@.venv/bin/python -m bench.reads --size $(or $(SIZE),1000000)

faults: setup  ## kill worker, database and Temporal server under orders; SIZE crash points (1000), SEED of an earlier run
	@.venv/bin/python -m campaigns faults --size $(or $(SIZE),1000) $(if $(SEED),--seed $(SEED))

races: setup  ## conflicting commands at one instant, and at deadlines; SIZE pairs (200), SEED of an earlier run
	@.venv/bin/python -m campaigns races --size $(or $(SIZE),200) $(if $(SEED),--seed $(SEED))

fuzz: setup  ## bad messages, bad starts and a flood, among healthy orders; SIZE messages (10000), SEED of an earlier run
	@.venv/bin/python -m campaigns fuzz --size $(or $(SIZE),10000) $(if $(SEED),--seed $(SEED))

soak: setup  ## many open orders through weeks of their clocks, in some minutes; SIZE orders (10000), SEED of an earlier run
	@.venv/bin/python -m campaigns soak --size $(or $(SIZE),10000) $(if $(SEED),--seed $(SEED))

followers: setup  ## kill followers of the changes while steps commit late; SIZE ends of each (100), SEED of an earlier run
	@.venv/bin/python -m campaigns followers --size $(or $(SIZE),100) $(if $(SEED),--seed $(SEED))

mutants: setup  ## plant faults in a copy of the source, one at a time, which the tests must find; SIZE faults (all), SEED of an earlier run
	@.venv/bin/python -m campaigns mutants $(if $(SIZE),--size $(SIZE)) $(if $(SEED),--seed $(SEED))

format: setup  ## format, and fix what the linter can
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

screenshots: setup  ## make the pictures of the docs anew, in a Chromium that is installed here
	@.venv/bin/python -m docs.screenshots

histories: setup  ## record how orders run now, in addition to earlier records; ARGS="s01-… flood" walks some paths
	@.venv/bin/python -m tests.histories.record $(ARGS)

audit: setup  ## known vulnerabilities in what the image installs; needs the advisory database, or ADVISORIES=its copy
	@.venv/bin/python -m dev.audit $(ADVISORIES)

client-typescript: setup  ## write what the TypeScript client takes from the API; needs npm
	@.venv/bin/python -m dev.typescript_client

client: setup  ## write the client's methods, one for each command
	@.venv/bin/python -m dev.client_methods

sbom: setup  ## bills of materials of the image and the wheel, in CycloneDX, into dist/
	@.venv/bin/python -m dev.sbom

texts: setup  ## find the texts of pages and mails, and bring the catalogues of all languages up to date; NEW=fr begins one
	@.venv/bin/python -m dev.catalogues $(NEW)

docs: setup  ## write the parts of docs/ that are read off the code
	@.venv/bin/python -m deploy.documents
	@.venv/bin/python -m deploy.observing
	@.venv/bin/python -m deploy.chart
	@.venv/bin/python -m docs.source_rules
	@.venv/bin/python -m docs.message_schemas
	@.venv/bin/python -m docs.policy_keys
	@.venv/bin/python -m docs.story_keys
	@.venv/bin/python -m docs.python_api
	@.venv/bin/python -m docs.walkthrough_answers
