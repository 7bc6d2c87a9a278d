"""Read small tables that users edit; errors name the line."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from brain_mri.errors import InputError, printable


@dataclass(frozen=True)
class Row:
    """Hold the cells of a row by column, and its file and line."""

    where: str
    cells: dict[str, str]


def read_rows(path: Path, columns: Sequence[str] | None = None) -> list[Row]:
    """Read the rows of a CSV file; empty rows are skipped.

    Cells are stripped of surrounding blanks, except in the column `file`, where blanks
    may belong to a name.

    Args:
        path: the file.
        columns: exactly the columns expected; None for those that line 1 names.

    Raises:
        InputError: the file is missing, not UTF-8 or not CSV; its columns differ, lack
            a name or are named twice; a row has more or fewer cells.
    """
    return read_table(path, columns)[1]


def read_table(
    path: Path, columns: Sequence[str] | None = None
) -> tuple[list[str], list[Row]]:
    """Read the names of the columns, and the rows as `read_rows` does."""
    rows = []
    try:
        # utf-8-sig: spreadsheet programs may add a byte order mark
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            names = _columns(path, next(reader, []), columns)
            line = reader.line_num + 1
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    rows.append(_row(f"{path}, line {line}", cells, names))
                line = reader.line_num + 1
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text; save it as UTF-8") from error
    except csv.Error as error:
        where = f"{path}, line {reader.line_num}"
        raise InputError(
            f"{where}: expected comma-separated cells ({error})"
        ) from error
    return names, rows


def _columns(
    path: Path, header: Sequence[str], expected: Sequence[str] | None
) -> list[str]:
    found = [name.strip() for name in header]
    told = printable(",".join(header)) or "nothing"
    if expected is not None and found != list(expected):
        raise InputError(
            f"{path}, line 1: expected the columns {','.join(expected)}, separated by "
            f"commas, found {told}"
        )
    if not found or not all(found) or len(set(found)) < len(found):
        raise InputError(
            f"{path}, line 1: expected columns of different names, separated by "
            f"commas, found {told}"
        )
    return found


def _row(where: str, cells: Sequence[str], columns: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        raise InputError(
            f"{where}: expected {len(columns)} cells ({','.join(columns)}), found "
            f"{len(cells)}; put a cell that contains a comma in double quotes"
        )
    named = zip(columns, cells, strict=True)
    return Row(where, {c: cell if c == "file" else cell.strip() for c, cell in named})
