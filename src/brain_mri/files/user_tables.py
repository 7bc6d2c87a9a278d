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


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Read the rows of a CSV file with exactly these columns; empty rows are skipped.

    Cells are stripped of surrounding blanks, except in the first column, where blanks
    may belong to a name.

    Raises:
        InputError: the file is missing, not UTF-8 or not CSV; its columns differ; a
            row has more or fewer cells.
    """
    rows = []
    try:
        # utf-8-sig: spreadsheet programs may add a byte order mark
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            _check_columns(path, next(reader, []), columns)
            line = reader.line_num + 1
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    rows.append(_row(f"{path}, line {line}", cells, columns))
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
    return rows


def _check_columns(path: Path, found: Sequence[str], columns: Sequence[str]) -> None:
    if [name.strip() for name in found] != list(columns):
        raise InputError(
            f"{path}, line 1: expected the columns {','.join(columns)}, separated by "
            f"commas, found {printable(','.join(found)) or 'nothing'}"
        )


def _row(where: str, cells: Sequence[str], columns: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        raise InputError(
            f"{where}: expected {len(columns)} cells ({','.join(columns)}), found "
            f"{len(cells)}; put a cell that contains a comma in double quotes"
        )
    first, *rest = cells
    return Row(where, dict(zip(columns, [first, *map(str.strip, rest)], strict=True)))
