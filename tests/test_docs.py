"""What the documents say is there."""

import ast
import re

from conftest import ROOT

TABLE = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE)))


def functions_of(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_a_test():
    assert len(NAMED) > 150
    rows = [line for line in TABLE.splitlines() if line.count("|") == 4]
    kept = [row for row in rows if not re.match(r"\| (---|bad input)", row)]
    assert all("`tests/" in row for row in kept)


def test_every_test_of_a_promise_exists():
    found = {path: functions_of(path) for path in {path for path, _ in NAMED}}
    assert [f"{p}::{n}" for p, n in NAMED if n not in found[p]] == []


def test_every_link_between_documents_leads_somewhere():
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
