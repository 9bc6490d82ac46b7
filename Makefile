# Every target installs what it needs on its first run and works offline afterwards.
PYTHON ?= python3
# Four workers, for most of the time of a test is waiting.
PYTEST = pytest -n 4 --dist loadgroup
CLIENTS = tests/faces/clients/npm
AGENTS  = tests/agents/npm
KIT_TOOLS = $(patsubst %/package-lock.json,%,$(wildcard scripts/integrations/*/package-lock.json))
PIP    = python -m pip --disable-pip-version-check install -qq

# The first of dev and run that is installed serves `make run`; run.txt is a subset of dev.txt.
RUNNABLE = $(firstword $(wildcard .venv/dev.stamp) .venv/run.stamp)

.PHONY: run test test-agents test-browser screenshots test-npm integrations check fmt surfaces bench chaos outcomes conformance image-steps mcpb transcript test-lowest lock clean
.DELETE_ON_ERROR:

run: $(RUNNABLE)
	@if [ -n "$$GETATEXT_API_KEY" ]; \
	then exec .venv/bin/getatext-gateway serve; \
	else exec .venv/bin/getatext-gateway serve --simulate; fi

test: check
	.venv/bin/$(PYTEST) -m "not planted"

check: .venv/dev.stamp
	.venv/bin/ruff format --check --quiet .
	.venv/bin/ruff check --quiet .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/python -m gateway openapi --check
	.venv/bin/python -m scripts.readme_settings --check
	.venv/bin/python -m scripts.mcp_surface --check
	.venv/bin/python -m scripts.acceptable_use --check
	.venv/bin/python -m scripts.kits --check

fmt: .venv/dev.stamp
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

surfaces: .venv/dev.stamp
	.venv/bin/python -m gateway openapi --write
	.venv/bin/python -m scripts.readme_settings --write
	.venv/bin/python -m scripts.mcp_surface --write
	.venv/bin/python -m scripts.acceptable_use --write
	.venv/bin/python -m scripts.kits --write

# Needs a browser: the system's Chromium, or the one that CHROMIUM names.
test-browser: .venv-browser/browser.stamp
	.venv-browser/bin/$(PYTEST) tests/browser

# The pictures of the console in docs/images, with the same browser.
screenshots: .venv-browser/browser.stamp
	.venv-browser/bin/python -m tests.browser.screenshots

# Needs Node and npm, which nothing else does.
test-npm: .venv/dev.stamp $(CLIENTS)/node_modules/.package-lock.json
	.venv/bin/$(PYTEST) tests/faces/clients -k npm

%/node_modules/.package-lock.json: %/package-lock.json
	@command -v npm >/dev/null || { echo "Needs npm, which comes with Node: https://nodejs.org"; exit 1; }
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund
	@touch $@

# The kits for platforms, run without the platforms: all, or KITS="postman bruno". Needs Node and npm.
integrations: .venv/dev.stamp $(KIT_TOOLS:%=%/node_modules/.package-lock.json)
	.venv/bin/python -m scripts.integrations $(KITS)

# Agents of others, before a scripted model. Needs Node and npm; takes 1.3 GB.
test-agents: .venv/dev.stamp .venv-agents/agents.stamp $(AGENTS)/node_modules/.package-lock.json
	AGENTS=.venv-agents .venv/bin/$(PYTEST) tests/agents

# They hold no gateway: it takes mcp 2.x, and most of them 1.x.
.venv-agents/agents.stamp: requirements/agents.txt | usable-.venv-agents
	test -x .venv-agents/bin/python || $(PYTHON) -m venv .venv-agents
	.venv-agents/bin/$(PIP) --no-deps --require-hashes -r $<
	@touch $@

# All, which takes 20 minutes at most, or BENCH="read prices --against FILE"; --help says what there is.
bench: .venv-bench/bench.stamp
	.venv-bench/bin/python -m bench $(BENCH)

# Minutes long. Other scenarios, times or seeds: --help of either.
chaos: .venv/dev.stamp
	@PATH="$$PATH:/usr/sbin"; command -v pgbouncer >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq pgbouncer; } \
	|| { echo "Needs PgBouncer (Debian: apt-get install pgbouncer)."; exit 1; }
	.venv/bin/python -W "ignore:XDG_RUNTIME_DIR is not set" -m tests.chaos
	.venv/bin/python -W "ignore:XDG_RUNTIME_DIR is not set" -m tests.model
	.venv/bin/$(PYTEST) tests/model -m planted

# A minute or two long: a thousand numbers, of which many stay silent, in held time.
outcomes: .venv/dev.stamp
	.venv/bin/python -W "ignore:XDG_RUNTIME_DIR is not set" -m tests.outcomes
	.venv/bin/$(PYTEST) tests/outcomes -m planted

# The protocol's own suite and inspector; npm fetches them, and the Node they need.
conformance: .venv/dev.stamp .node/conformance.stamp
	PATH="$(CURDIR)/.node/node_modules/.bin:$$PATH" .venv/bin/python -m scripts.conformance

.node/conformance.stamp: scripts/conformance/package.json
	@command -v npm >/dev/null || { echo "Needs npm, which comes with Node: https://nodejs.org"; exit 1; }
	mkdir -p .node && cp scripts/conformance/package.json .node
	cd .node && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

# Needs root and Linux: the Dockerfile's steps, run without Docker.
image-steps: .venv/dev.stamp
	.venv/bin/python -m tests.deploy.image

# The bundle that desktop clients install.
mcpb: $(RUNNABLE)
	.venv/bin/python -m scripts.mcpb

transcript: .venv/dev.stamp
	.venv/bin/python -m scripts.mcp_transcript
	.venv/bin/python -m tests.mcp.transcripts

# Older libraries may warn of what newer ones have settled, so warnings are not errors here.
test-lowest: .venv-lowest/lowest.stamp
	.venv-lowest/bin/$(PYTEST) -W default

# NAME.stamp in any environment: the lock requirements/NAME.txt and the project are installed.
define install
$(1)/$(2).stamp: requirements/$(2).txt pyproject.toml | usable-$(1)
	@test -x $(1)/bin/python || { echo "Making an environment in $(1) ..."; $$(PYTHON) -m venv $(1); }
	@echo "Installing the libraries of $$< into $(1): a minute or two, once ..."
	@$(1)/bin/$$(PIP) --no-deps --require-hashes -r requirements/$(2).txt
	@echo "Installing the gateway into $(1) ..."
	@$(1)/bin/$$(PIP) --no-deps --no-build-isolation --editable .
	@touch $$@
endef
$(eval $(call install,.venv,run))
$(eval $(call install,.venv,dev))
$(eval $(call install,.venv-bench,bench))
$(eval $(call install,.venv-browser,browser))
$(eval $(call install,.venv-lowest,lowest))

# Before each use too: the Python below an environment may have been replaced or removed.
usable-%:
	@sh scripts/usable_python.sh $(PYTHON) $* "$(or $(MAKECMDGOALS),run)"

# Locks name no index, so they install from whichever one pip is set to.
LOCK = .venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links
COMPILE = $(LOCK) pyproject.toml --all-extras

lock: .venv-lock/bin/uv
	$(COMPILE) --group dev --output-file requirements/dev.txt
	$(COMPILE) --group build --constraints requirements/dev.txt --output-file requirements/run.txt
	$(COMPILE) --group bench --constraints requirements/dev.txt --output-file requirements/bench.txt
	$(COMPILE) --group browser --constraints requirements/dev.txt --output-file requirements/browser.txt
	$(LOCK) requirements/agents.in --output-file requirements/agents.txt
	$(COMPILE) --group dev --resolution lowest-direct --output-file requirements/lowest.txt

.venv-lock/bin/uv:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/$(PIP) uv

clean:
	rm -rf .venv .venv-agents .venv-bench .venv-browser .venv-lowest .venv-lock .node build dist
	rm -rf $(CLIENTS)/node_modules $(AGENTS)/node_modules $(KIT_TOOLS:%=%/node_modules)
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
