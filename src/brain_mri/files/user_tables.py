"""Read a small table that a person may have edited, so that errors name the line."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from brain_mri.errors import InputError, printable


@dataclass(frozen=True)
class Row:
    """Hold the cells of a row by column, and where it stands: file and line."""

    where: str
    cells: dict[str, str]


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Read the rows of a CSV file with just these columns; empty rows are skipped.

    Blanks round a cell are taken off, but for the first column: it holds a name.

    Raises:
        InputError: the file is missing, is no UTF-8 or no CSV; its columns are others;
            a row has more or fewer cells.
    """
    rows = []
    try:
        # utf-8-sig: spreadsheets begin a file with a byte order mark
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
        raise InputError(f"{path}: expected UTF-8 text; save it so") from error
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
            f"{len(cells)}; a cell with a comma in it stands in double quotes"
        )
    first, *rest = cells
    return Row(where, dict(zip(columns, [first, *map(str.strip, rest)], strict=True)))
