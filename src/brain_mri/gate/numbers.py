"""Read the numbers of the results, as they are now or at a revision."""

import io
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri import config
from brain_mri.errors import InputError
from brain_mri.evidence.scoring import defined
from brain_mri.files import tables, values
from brain_mri.gate import git

Values = Mapping[str, Any]  # by `<classifier>.<part>.<metric>` or `<file>.<name>`


def present(root: Path, files: Iterable[Path]) -> dict[str, Any]:
    """Read the numbers of the files, skipping unreadable files, which `kept` names."""
    found: dict[str, Any] = {}
    for path in files:
        with suppress(OSError, ValueError):
            found |= numbers(path, (root / path).read_text(encoding="utf-8"))
    return found


def past(root: Path, files: Iterable[Path], commit: str, called: str) -> dict[str, Any]:
    """Read the numbers of the files in a commit; a missing file is skipped.

    Raises:
        InputError: a file of the commit cannot be read.
    """
    there = git.run(root, "ls-tree", "-r", "-z", "--name-only", commit, "--", ".")
    found: dict[str, Any] = {}
    for path in sorted({Path(name) for name in there.split("\0")}.intersection(files)):
        try:
            text = git.run(root, "show", f"{commit}:./{path.as_posix()}")
            found |= numbers(path, text)
        except ValueError as error:
            raise InputError(f"{called}: {path}: cannot be read ({error})") from error
    return found


def numbers(path: Path, text: str) -> dict[str, Any]:
    """Read the numbers of a file by `<file>.<name>`; a table of curves has none.

    The keys of statistics.csv are `<classifier>.<part>.<metric>`.

    Raises:
        ValueError: the text cannot be read, or a key appears twice.
    """
    if path.suffix == ".json":
        return config.flatten(tables.parse_json(text), f"{path.stem}.")
    if path.name == "statistics.csv":
        return statistics(text)
    if values.is_table(text):
        return {f"{path.stem}.{key}": v for key, v in values.parse(text).items()}
    return {}


def statistics(text: str) -> dict[str, Any]:
    """Read statistics.csv by `<classifier>.<part>.<metric>`, with _low and _high.

    Raises:
        ValueError: a column is missing, or the table cannot be read.
    """
    table = pd.read_csv(io.StringIO(text))
    if lost := {"model", "part", "metric", "value", "low", "high"} - set(table):
        raise ValueError(f"expected a column '{min(lost)}', found none")
    return {
        f"{row.model}.{row.part}.{row.metric}{end}": defined(value)
        for row in table.itertuples()
        for end, value in (("", row.value), ("_low", row.low), ("_high", row.high))
    }
