# One way to do each thing. `make` alone lists them. GNU make 4, any POSIX shell.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
SIDE   ?= 1

BIN     := $(VENV)/bin
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
STAMP   := $(VENV)/.installed-$(VERSION)
PYTEST  := $(BIN)/python -m pytest

# Every test belongs to exactly one suite; `make test` runs those without any of these marks.
SUITES  := slow browser service fault notebook
slow      := slow and not (browser or service or fault or notebook or benchmark)
browser   := browser and not (fault or notebook or benchmark)
service   := service and not (browser or fault or notebook or benchmark)
fault     := fault and not (notebook or benchmark)
notebook  := notebook and not benchmark

# Suites that start no server of their own and drive no browser run on all cores, file by file.
slow_how := -n logical --maxprocesses 4 --dist loadfile

.PHONY: help install demo test test-all $(SUITES:%=test-%) tools lint bench bench-all bench-peers performance faults soak picture lock clean
.DEFAULT_GOAL := help

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: $(STAMP)  ## make .venv with everything in it (PYTHON=python3.12 chooses another Python)

# Compiled modules are kept, whatever the caller's environment says: starting costs 4 s with them, 14 s without.
export PYTHONDONTWRITEBYTECODE =

# .installing stands while the environment is being made: found at the start, it means "begin again".
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "$(PYTHON) is not Python 3.11 or newer; install one and run: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { \
	    echo "installing python3-venv"; export DEBIAN_FRONTEND=noninteractive; \
	    { apt-get update -q && { apt-get install -qy python$(VERSION)-venv || apt-get install -qy python3-venv; }; } </dev/null >/dev/null; \
	    $(PYTHON) -c 'import ensurepip' 2>/dev/null; }; } || { \
	  echo "$(PYTHON) cannot make environments; install it with: sudo apt-get install python3-venv" >&2; exit 1; }
	@have=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); \
	if [ -e $(VENV)/.installing ] || [ "$$have" != "$(VERSION)" ]; then rm -rf $(VENV); $(PYTHON) -m venv $(VENV); fi
	@touch $(VENV)/.installing; rm -f $(VENV)/.installed-*
	@awk '/^[^ #]/ {take = /^uv==/} take' requirements.lock > $(VENV)/uv.txt
	@export PIP_DISABLE_PIP_VERSION_CHECK=1; pip="$(BIN)/python -m pip"; \
	index=$$($$pip config get global.index-url 2>/dev/null); \
	if $$pip install -qq --require-hashes -r $(VENV)/uv.txt && \
	  $(BIN)/uv pip install -q --python $(BIN)/python $${index:+--default-index "$$index"} \
	    --require-hashes -r requirements.lock; then :; \
	else echo "uv cannot get it here; pip does (a minute or two)"; $$pip install -qq --require-hashes -r requirements.lock; fi; \
	$$pip install -qq --no-deps --no-build-isolation -e .
	@$(BIN)/python -W ignore -c 'import panel, panel_material_ui, xarray, numba, intake, dask.array, cf_xarray.units'
	@rm $(VENV)/.installing; touch $@
	@echo "installed: $(BIN)/workbench"

demo: $(STAMP)  ## simulate a cruise and serve its live board
	$(BIN)/workbench demo $(ARGS)

test: $(STAMP)  ## the fast suite
	$(PYTEST) -n logical --maxprocesses 8 --dist worksteal $(ARGS)

test-all: $(STAMP) tools  ## the slow, browser, service, fault and notebook suites (SIDE=2: two of them side by side)
	@$(MAKE) --no-print-directory test-slow; slow=$$?; \
	$(MAKE) --no-print-directory -k -j$(SIDE) --output-sync=target $(filter-out test-slow,$(SUITES:%=test-%)) && exit $$slow

# pytest ends with 5 when a suite holds no test yet.
$(SUITES:%=test-%): test-%: $(STAMP)
	@echo "== $*"; start=$$(date +%s); HYPOTHESIS_PROFILE=thorough $(PYTEST) -m "$($*)" $($*_how) $(ARGS); code=$$?; \
	echo "$* suite: $$(( ($$(date +%s) - start + 30) / 60 )) min ($$(( $$(date +%s) - start )) s)"; [ $$code = 0 ] || [ $$code = 5 ]

# What the browser, service and fault suites need beside Python. Nothing is started by installing it.
tools:
	@missing=; PATH="$$PATH:/usr/sbin:/sbin"; \
	for pair in chromium:chromium influxd:influxdb mosquitto:mosquitto rsync:rsync ip:iproute2 pdftoppm:poppler-utils; do \
	  command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair#*:}"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing"; export DEBIAN_FRONTEND=noninteractive; rule=/usr/sbin/policy-rc.d; made=; \
	  if [ ! -e $$rule ]; then printf '#!/bin/sh\nexit 101\n' > $$rule; chmod +x $$rule; made=$$rule; fi; \
	  { apt-get update -q && apt-get install -qy --no-install-recommends $$missing; } </dev/null >/dev/null; code=$$?; \
	  if [ -n "$$made" ]; then rm -f $$made; fi; exit $$code; \
	else echo "their tests are skipped until you run: sudo apt-get install -y$$missing"; fi

lint: $(STAMP)  ## ruff, mypy and the layers
	@failed=; for check in "ruff check ." "ruff format --check --quiet ." "lint-imports --no-logo --no-cache" mypy; do \
	  echo "$$check"; $(BIN)/$$check || failed="$$failed, $$check"; done; \
	if [ -n "$$failed" ]; then echo "failed:$${failed#,}" >&2; exit 1; fi

# What is measured (WORKBENCH_BENCH=smoke runs everything once, tiny). The last line of JSON=1 is for programs.
bench = $(if $(SCALE),$(BIN)/python -m tests.benchmarks.needs &&) WORKBENCH_SCALE=$(SCALE) \
  WORKBENCH_BENCH=$${WORKBENCH_BENCH:-$(1)} $(PYTEST) -m benchmark -s --durations 12 tests/benchmarks $(ARGS); code=$$?; \
  $(if $(JSON),WORKBENCH_BENCH=$${WORKBENCH_BENCH:-$(1)} $(BIN)/python -m tests.benchmarks.rows;) exit $$code

bench: $(STAMP)  ## measure speed against peers and limits, ten minutes (JSON=1, SCALE=1 for 1e9 particles)
	@$(call bench,bench)

bench-all: $(STAMP)  ## the same and everything else that is measured (an hour)
	@$(call bench,all)

bench-peers: $(STAMP)  ## install what `make bench` compares to, in environments of their own
	@for peers in count_peers gate_peers influx_peers; do $(BIN)/python -m tests.benchmarks.$$peers || exit 1; done

performance: $(STAMP)  ## write docs/performance.md from what `make bench` kept
	@$(BIN)/python -m tests.benchmarks.write_performance

faults: $(STAMP) tools  ## 200 kills and 24 days at sea of a real engine (45 minutes)
	WORKBENCH_KILLS=200 WORKBENCH_DAYS=24 WORKBENCH_LOAD=60 $(PYTEST) -m fault -s tests/faults/test_engine_killed.py \
	  tests/faults/test_engine_days.py tests/faults/test_engine_faults.py tests/faults/test_datagrams.py $(ARGS)

soak: $(STAMP)  ## an hour of the demo with a page open: memory flat, logs clean (ARGS="--minutes 10")
	$(BIN)/python -m tests.faults.soak $(ARGS)

picture: $(STAMP)  ## make README's picture again
	WORKBENCH_PICTURE=1 $(PYTEST) -m browser tests/browser/test_readme_picture.py $(ARGS)

lock: $(STAMP)  ## choose versions again
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group dev \
	  --upgrade pyproject.toml -o requirements.lock

clean:  ## remove what can be made again (not .venv)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks build dist test-output demo-data
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
