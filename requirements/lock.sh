#!/usr/bin/env sh
# Pin every dependency with its hashes, for all systems and Python versions at once.
# Without --upgrade the pins stay where they still fit, so a fresh lock does not change.
set -eu
cd "$(dirname "$0")/.."
uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate "$@" \
  --group lock pyproject.toml --output-file requirements/run.txt
uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate "$@" \
  --group dev --python-version 3.11 --constraint requirements/run.txt \
  --output-file requirements/dev.txt
# The same pins without TensorFlow, for what only reads results.
uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate "$@" \
  --group lock pyproject.toml --override requirements/no-tensorflow.txt \
  --constraint requirements/run.txt --output-file requirements/ci.txt
