"""What the documents say is there."""

import ast
import re

import pytest
from conftest import ROOT

TABLE = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
IDS = re.findall(r"`(tests/\w+\.py)::(\w+)`", TABLE)


def found_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_table_of_faults_names_tests():
    assert len(IDS) > 60
    rows = [line for line in TABLE.splitlines() if line.count("|") == 4]
    kept = [row for row in rows if not re.match(r"\| (---|bad input)", row)]
    assert all("`tests/" in row for row in kept)


@pytest.mark.parametrize(("path", "name"), sorted(set(IDS)))
def test_every_test_of_the_table_exists(path, name):
    assert name.startswith("test_")
    assert name in found_in(path)
