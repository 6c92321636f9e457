# make demo   a made-up Gong company in DuckDB and CSV, no credentials needed
# make test   everything that proves the rest: linter, types, tests
# make site   the documentation as a site, in site/
# make test-fleet   many companies, many workers: Airflow, Postgres and Redis for real
# make audit  known weaknesses of packages (asks an advisory service), and secrets in files
# make pictures  the pictures in the README
# make bench  what it costs, as ratios, into docs/performance.md

# The first Python that runs and is new enough; name another with `make PYTHON=... test`.
find_python = $(shell for python in $(1); do \
	$$python -c 'import sys; sys.exit(not ($(2)))' 2>/dev/null && echo $$python && break; done)
PYTHON ?= $(call find_python,python3 python python3.14 python3.13 python3.12 python3.11 python3.10,\
	sys.version_info >= (3, 10))
# The demo's DuckDB loader has ready-made packages up to Python 3.13.
DEMO_PYTHON ?= $(call find_python,python3 python python3.13 python3.12 python3.11 python3.10,\
	(3, 10) <= sys.version_info < (3, 14))

# What Airflow is known to work with comes from its own list, where that can be had.
AIRFLOW := 3.3.2
AIRFLOW_LISTS := https://raw.githubusercontent.com/apache/airflow/constraints-$(AIRFLOW)

BIN := .venv/bin
DEMO_BIN := .venv-demo/bin

.PHONY: demo test test-slow test-fleet lint docs site reliability pictures bench \
	audit audit-packages audit-secrets clean

# Where compiled files are not kept, each command that a test starts compiles itself anew.
unexport PYTHONDONTWRITEBYTECODE

demo: .venv-demo/installed
	$(DEMO_BIN)/python examples/demo.py

test: lint
	$(BIN)/pytest -n auto --dist loadfile

test-slow: .venv/installed
	$(BIN)/python -m pip install --quiet --quiet --group browser
	$(BIN)/pytest -m "slow or fuzz" --hypothesis-profile thorough

test-fleet: .venv/installed .venv-fleet/installed
	$(BIN)/python -m pip install --quiet --quiet --group fleet
	$(BIN)/pytest -m fleet -s

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: .venv/installed
	$(BIN)/python docs/generate.py

# Meant for mkdocs 1, whose next version the theme warns of.
site: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

reliability: .venv/installed
	$(BIN)/pytest -m "proves and not slow" --write-reliability

pictures: .venv/installed .venv-demo/installed
	$(BIN)/python -m pip install --quiet --quiet --group browser
	$(BIN)/python docs/pictures.py

bench: .venv/installed
	$(BIN)/python -m pip install --quiet --quiet --group bench
	$(BIN)/python -m benchmarks

audit: audit-packages audit-secrets

audit-packages: .venv/installed
	$(BIN)/python -m pip install --quiet --quiet --group audit
	$(BIN)/pip-audit --skip-editable

# What tests have in place of secrets.
NO_SECRETS := ^(sandbox|secret|secret-1|wrong-secret|HUSH2281|pw|pass|proxy-pass)$$

audit-secrets: .venv/installed
	$(BIN)/python -m pip install --quiet --quiet --group audit
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --exclude-secrets '$(NO_SECRETS)'

clean:
	rm -rf .venv .venv-demo .venv-fleet .meltano .gong output dist build site
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.10 or newer is needed and none was found"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --quiet --editable . --group dev
	@touch $@

.venv-demo/installed: pyproject.toml
	@test -n "$(DEMO_PYTHON)" || { echo "The demo needs a Python from 3.10 to 3.13: its DuckDB \
	loader has no packages for others. Install one, or name it: make DEMO_PYTHON=... demo"; exit 1; }
	$(DEMO_PYTHON) -m venv .venv-demo
	$(DEMO_BIN)/python -m pip install --quiet --quiet --upgrade "pip>=25.1"
	$(DEMO_BIN)/python -m pip install --quiet --quiet --editable . --group demo
	# Meltano installs an editable plugin once; what it depends on may have changed.
	rm -rf .meltano/extractors .meltano/loaders/target-gong
	@touch $@

# Airflow's dependencies and ours do not go together.
.venv-fleet/installed: Makefile
	$(PYTHON) -m venv .venv-fleet
	version=$$(.venv-fleet/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	set -- install --quiet --quiet "apache-airflow[postgres]==$(AIRFLOW)" psycopg2-binary; \
	.venv-fleet/bin/pip "$$@" --constraint $(AIRFLOW_LISTS)/constraints-$$version.txt \
	|| .venv-fleet/bin/pip "$$@"
	@touch $@
