"""Keep nested values as a table: one row per value, its dotted name and the value.

DVC takes every number of a JSON file for a metric to compare; a table is none.
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
    """Write a table; or nested values, as JSON or as a table by the file's ending.

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
    """Read nested values that `write` wrote as a table.

    Raises:
        InputError: the file is missing or is no such table.
    """
    try:
        return nested(parse(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as values ({error})") from error


def is_table(text: str) -> bool:
    """Say whether a table's text begins as `write` begins one."""
    return text.startswith(f"{','.join(COLUMNS)}\n")


def parse(text: str) -> dict[str, Any]:
    """Return the values of a table's text by their dotted names.

    Raises:
        ValueError: the text is no such table, or a name stands there twice.
    """
    try:
        header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if header != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise ValueError("expected the columns name and value")
    found = {name: _read(value) for name, value in rows}
    if len(found) < len(rows):
        raise ValueError("a name stands there twice")
    return found


def nested(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into keys within keys.

    Raises:
        ValueError: a name is both a value and the start of other names.
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
    """Write a value as JSON does, but text bare and null as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, allow_nan=False)


def _read(cell: str) -> Any:
    try:
        value = json.loads(cell) if cell else None
    except (ValueError, RecursionError):
        return cell
    return value if isinstance(value, int | float | None) else cell
