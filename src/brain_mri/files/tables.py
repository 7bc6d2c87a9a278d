"""Read and write the small tables and summaries that Git keeps."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.errors import InputError
from brain_mri.files.writing import writing

TEXT = (  # columns of text, whose values may all look like numbers
    "image_id",
    "picture",
    "patient",
    "file",
    "label",
    "reason",
    "flags",
    "sha256",
    "pixels_sha256",
)


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Write values as JSON, readable and the same each time; undefined is null.

    Raises:
        InputError: the disk is full or the folder closed.
        ValueError: a value is NaN or infinite, which JSON does not know.
    """
    text = json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False)
    with writing(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with the same line ends on every system.

    Raises:
        InputError: the disk is full or the folder closed.
    """
    with writing(path) as part:
        table.to_csv(part, index=False, lineterminator="\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read values from JSON.

    Raises:
        InputError: the file is missing or is not valid JSON; see `parse_json`.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error


def parse_json(text: str) -> dict[str, Any]:
    """Parse a JSON object, more strictly than Python does.

    Raises:
        ValueError: the text is not a JSON object, contains NaN or infinity, repeats a
            key, or is nested deeper than Python can follow.
    """
    try:
        values = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("too many nested brackets") from None
    if not isinstance(values, dict):
        raise ValueError("expected keys with values")
    return values


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table; the columns of `TEXT` stay text.

    Raises:
        InputError: the file is missing, is not a table, or has Windows line ends.
    """
    text = dict.fromkeys(TEXT, str)
    try:
        # the terminator named: a file name may hold a bare carriage return
        table = pd.read_csv(
            path, dtype=text, keep_default_na=False, lineterminator="\n"
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    if table.columns[-1].endswith("\r"):
        raise InputError(f"{path}: has Windows line ends (CRLF), which no stage writes")
    return table


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key appears twice")
    return values


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number; write null for undefined")
