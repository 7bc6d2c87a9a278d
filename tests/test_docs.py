"""What the documents say is there."""

import ast
import re

from conftest import ROOT

TEXT = (ROOT / "tests" / "promises.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
ROWS = [
    line
    for line in TEXT.splitlines()
    if line.startswith("|") and not re.match(r"\| (---|bad input)", line)
]


def found_in(path):
    """The top-level functions of a file, or none where the file is missing."""
    if not (ROOT / path).is_file():
        return set()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists():
    there = {path: found_in(path) for path, _ in NAMED}
    missing = [f"{path}::{name}" for path, name in NAMED if name not in there[path]]
    assert missing == []
    assert all(name.startswith("test_") for _, name in NAMED)


def test_every_promise_names_a_test():
    assert len(ROWS) > 100
    assert [row for row in ROWS if "`tests/" not in row.split("|")[3]] == []


def test_every_link_between_documents_leads_somewhere():
    found = [ROOT / "README.md", ROOT / "tests" / "promises.md"]
    for folder in ("docs", "benchmarks", ".github"):
        found += sorted((ROOT / folder).rglob("*.md"))
    for path in found:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
