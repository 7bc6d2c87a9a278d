# Two commands are enough: `make repro` runs the comparison, `make test` the checks.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
# DVC runs `python` by name, so the environment's must come first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help repro imagenet test lint lock check-lock clean
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

repro: .venv/installed  ## install if need be, run the pipeline, print the comparison
	@brain-mri params
	@dvc repro
	@brain-mri show

imagenet: .venv/installed  ## the same with VGG-16's ImageNet weights, as an experiment
	@brain-mri params
	@dvc exp run -S vgg.weights=imagenet
	@brain-mri show

test: .venv/installed-dev  ## install if need be, run tests, ruff and mypy
	@$(BIN)/python -m pytest
	@ruff check .
	@ruff format --check .
	@mypy

lock:  .venv/installed-dev ## pin the newest versions that pyproject.toml allows, with hashes
	@sh .ci/lock --upgrade

check-lock: .venv/installed-dev  ## say whether the locks still fit pyproject.toml
	@sh .ci/lock
	@git diff --exit-code -- requirements.txt requirements-dev.txt

clean:  ## remove what was generated; data you added stays
	@rm -rf data/phantom data/cropped data/split data/augmented data/features models reports

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14) and "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] + "; name another with: make PYTHON=python3.12 ...")'
	@echo "Installing (about 2.5 GB, a few minutes, once) ..."
	@$(PYTHON) -m venv .venv

.venv/installed: requirements.txt pyproject.toml | .venv/bin/python
	@$(PIP) -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@$(PIP) -r requirements-dev.txt
	@touch $@
