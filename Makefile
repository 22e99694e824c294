# One command to see Hatchery run, one to test it. Only Python 3.11 or newer is needed.
#
#   make up       run everything on this machine; UP="…" passes options to `hatchery up`
#   make test     every check and every test; TOX="-e unit" runs one environment, TOX="list" names them
#   make bench    the measurements; BENCH="…" passes options to them
#   make stubs    generate libs/api from protos/
#   make docs     generate docs/errors.md and docs/permissions.md from protos/ and the grants
#   make lock     update requirements/*.txt from requirements/*.in; versions that still fit stay
#   make clean    remove what checks and tests made; never .hatchery/, which holds data

PYTHON ?= python3
RUNTIME := .venv/.runtime
DEV := .venv-dev/.dev

.DEFAULT_GOAL := help
.PHONY: help up test bench stubs docs lock clean python
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

# `exec`, so that input and Ctrl-C reach the command itself and not a shell.
up: $(RUNTIME)
	@exec .venv/bin/python -m libs.cli up $(UP)

# tox installs with uv, which does not read pip's settings; use the index that pip is configured with.
test: $(DEV)
	@index="$${PIP_INDEX_URL:-$$(.venv-dev/bin/python -m pip config get global.index-url 2>/dev/null)}"; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; fi; \
	exec .venv-dev/bin/tox $(or $(TOX),run)

bench: $(DEV)
	@exec .venv-dev/bin/python -m bench $(BENCH)

stubs: $(DEV)
	.venv-dev/bin/python protos/generate.py

docs: $(DEV)
	PYTHONPATH=. .venv-dev/bin/python docs/generate.py

LOCK := .venv-dev/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(LOCKFLAGS)
lock: $(DEV)
	$(LOCK) requirements/runtime.in -o requirements/runtime.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt

clean:
	rm -rf .tox .venv-dev .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf build dist hatchery.egg-info
	find . -path './.*' -prune -o -name __pycache__ -prune -exec rm -rf {} +

# A stamp marks an environment in which everything of the lock file was installed.
$(RUNTIME): requirements/runtime.txt | python
	$(call install,.venv,$<)
	@touch $@

$(DEV): requirements/dev.txt | python
	$(call install,.venv-dev,$<)
	@touch $@

define install
@echo "installing $(2) into $(1)"
@$(PYTHON) -m venv $(1)
@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
endef

# Check what is needed before anything is created. Debian's python3 lacks ensurepip, which venv needs.
python:
	@command -v $(PYTHON) >/dev/null || \
	{ echo "$(PYTHON) was not found: install Python 3.11 or newer, or set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Python 3.11 or newer is needed, this is $$($(PYTHON) -V): set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "Python's venv module is incomplete: install it (Debian, Ubuntu: apt install" \
	"python$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv)" >&2; exit 1; }
