"""Read and write the small tables and summaries that Git keeps."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.errors import InputError
from brain_mri.files.writing import writing

TEXT = (  # columns that are text, also where all of them look like numbers
    "image_id",
    "group",
    "file",
    "label",
    "reason",
    "flags",
    "sha256",
    "pixels_sha256",
)


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Write a summary, readable and the same each time; what is undefined is null.

    Raises:
        InputError: the disk is full or the folder closed.
        ValueError: a value is NaN or infinite, which JSON cannot say.
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
    """Read a summary.

    Raises:
        InputError: the file is missing or no JSON; NaN and infinity are none.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error


def parse_json(text: str) -> dict[str, Any]:
    """Read a summary's text.

    Raises:
        ValueError: it is no JSON object; NaN and infinity, which Python would let
            pass, are no JSON. Or it holds a key twice, of which Python would take the
            last, or is nested deeper than Python can follow.
    """
    try:
        values = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("brackets within brackets, too many to follow") from None
    if not isinstance(values, dict):
        raise ValueError("expected keys with values")
    return values


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table; ids and names are text, also where they look like numbers.

    Raises:
        InputError: the file is missing or no table, or was saved anew on Windows.
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
        raise InputError(
            f"{path}: its lines end as Windows' do (CRLF), as no stage writes them"
        )
    return table


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands there twice")
    return values


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number; null says undefined")
