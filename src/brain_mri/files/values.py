"""Store nested values as a table: one row per value, with its dotted name.

DVC treats every number of a metrics file as a column to compare. Tables keep the many
other numbers out of `dvc metrics show` and `dvc exp show`.
"""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.config import flatten
from brain_mri.errors import InputError
from brain_mri.files import tables

COLUMNS = ["name", "value"]


def write(path: Path, content: Mapping[str, object] | pd.DataFrame) -> None:
    """Write a table, or nested values as JSON or CSV, depending on the file's suffix.

    Raises:
        InputError: the disk is full or the folder is closed.
        ValueError: a value is NaN or infinite.
    """
    if isinstance(content, pd.DataFrame):
        tables.write_csv(path, content)
    elif path.suffix == ".json":
        tables.write_json(path, content)
    else:
        rows = [(name, _written(v)) for name, v in flatten(content).items()]
        tables.write_csv(path, pd.DataFrame(rows, columns=COLUMNS))


def read(path: Path) -> dict[str, Any]:
    """Read nested values from a table that `write` made.

    Raises:
        InputError: the file is missing or is not such a table.
    """
    try:
        return nested(parse(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as values ({error})") from error


def is_table(text: str) -> bool:
    """Return whether a CSV text is a table of nested values."""
    return text.startswith(f"{','.join(COLUMNS)}\n")


def parse(text: str) -> dict[str, Any]:
    """Return the values of a CSV text by their dotted names.

    Raises:
        ValueError: the text is not such a table, or a name appears twice.
    """
    try:
        header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if header != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise ValueError("expected the columns name and value")
    found = {name: _read(value) for name, value in rows}
    if len(found) < len(rows):
        raise ValueError("a name appears twice")
    return found


def nested(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into keys within keys.

    Raises:
        ValueError: a name is both a value and the prefix of another name.
    """
    found: dict[str, Any] = {}
    for name, value in leaves.items():
        *folders, last = name.split(".")
        inner: Any = found
        for folder in folders:
            inner = inner.setdefault(folder, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{name}: {folder} is a value already")
        if last in inner:
            raise ValueError(f"{name} holds other values already")
        inner[last] = value
    return found


def _written(value: object) -> str:
    """Format a value as JSON does, but text without quotes and null as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, allow_nan=False)


def _read(cell: str) -> Any:
    try:
        value = json.loads(cell) if cell else None
    except (ValueError, RecursionError):
        return cell
    return value if isinstance(value, int | float | None) else cell
