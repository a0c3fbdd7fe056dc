# `make run` shows calimport at work on this machine, `make test` proves it. Needs Python 3.11 to 3.13, make and git.

PYTHON ?= python3
# Where `make up` serves Airflow, on this machine only.
PORT ?= 8080

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install run shell up down test bench bench-cycle bench-workers bench-memory soak lint audit format requirements dictionary vendor screenshots new-source clean

help:
	@echo "make run           import the sample calendars once, and once more"
	@echo "make shell         a shell in which airflow and calimport work on the database of make run"
	@echo "make up            start Airflow with the sample calendars (PORT=$(PORT)); make down stops it"
	@echo "make test          run every test, and those that read feeds once more without the fast path"
	@echo "make bench         measure, beside others (BENCH=--write: into docs/performance.md, BENCH=--quick: small)"
	@echo "make soak          import for an hour while things break (SOAK_MINUTES=60)"
	@echo "make lint          ruff, mypy and sqlfluff"
	@echo "make audit         licences of what is pinned, and known vulnerabilities (needs the network)"
	@echo "make format        let ruff format the code"
	@echo "make requirements  pin the newest versions that requirements*.in allow"
	@echo "make dictionary    write docs/data-dictionary.md from the schema's comments"
	@echo "make vendor        fetch the pages' calendar component anew (needs npm)"
	@echo "make screenshots   take the pictures of docs/ui.md anew (needs Chromium)"
	@echo "make bench-cycle   time whole runs of 10,000 calendars, and of peers (docs/scale.md; ten minutes)"
	@echo "make bench-workers the same with one to four Celery workers, checked (docs/scale.md; needs Redis)"
	@echo "make bench-memory  what each step needs, by batch and by feed (docs/scale.md)"
	@echo "make new-source    write the files of a new source (NAME=eventbrite)"
	@echo "make clean         remove the virtual environment, the database and the caches"

run: install
	@$(BIN)/python -m dev.local run

shell: install
	@$(BIN)/python -m dev.local shell

up: install
	@$(BIN)/python -m dev.local up --port $(PORT)

down:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m dev.local down; else echo "Nothing runs: there is no .venv yet."; fi

# What reads feeds, a second time without the fast path: the same must come out.
READING := $(patsubst %,tests/test_%.py,caldav caldav_conformance complaints cost_of_time differential explaining feed_corpus \
	fuzz_import fuzz_reading holding ics ics_conformance notices own_window placing privacy recurrence \
	recurrence_differential reminders safety series state_machine steps time_properties uid_churn undoing undoing_properties)

test: install
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --line-by-line $(READING)

# Where the peers are installed: they may want other versions of what Airflow needs.
bench: install .venv/peers/installed
	$(BIN)/python -m benchmarks --peers .venv/peers/bin/python $(BENCH)

.venv/peers/installed: benchmarks/requirements.txt
	@$(PYTHON) -m venv --clear .venv/peers
	@.venv/peers/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

# docs/reliability.md says what it does and what it found.
soak: install
	@$(BIN)/python -W ignore -m tests.soak

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar include/sql

audit: install
	@$(BIN)/python -m dev.licences
	@$(BIN)/python -m dev.advisories

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --no-header --no-annotate: the files must not depend on who wrote them, and the .in files give the reasons.
requirements: install
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate requirements-dev.in -o requirements-dev.txt

dictionary: install
	$(BIN)/python -m dev.dictionary

vendor: install
	@$(BIN)/python -m dev.vendor

screenshots: install
	@$(BIN)/python -m tests.ui_screenshots

bench-cycle: install
	@$(BIN)/python -m benchmarks.cycle

bench-workers: install
	@$(BIN)/python -m benchmarks.workers

bench-memory: install
	@$(BIN)/python -m benchmarks.memory

new-source: install
	@$(BIN)/python -m dev.new_source $(NAME)

clean: down
	rm -rf .venv .calimport build dist *.egg-info plugins/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

install: .venv/installed

# Written last, so that an installation that broke off is begun anew.
.venv/installed: requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
		echo "calimport needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) -V 2>/dev/null || echo missing)." \
			"Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into .venv; this takes some minutes the first time."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
