"""Read a table of CSV with any columns, as a person or a program wrote it."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from brain_mri.errors import InputError, printable

Cells = dict[str, str]


def read(path: Path) -> tuple[list[str], list[tuple[int, Cells]]]:
    """Return the columns of a table, and the cells of each row with its line.

    Commas, semicolons or tabs divide the cells, which are stripped of blanks; empty
    rows are skipped.

    Raises:
        InputError: the file is missing, not UTF-8 or not CSV; a column has the name of
            another; a row has more or fewer cells.
    """
    rows: list[tuple[int, Cells]] = []
    try:
        # utf-8-sig: spreadsheet programs may add a byte order mark
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=_delimiter(first), strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            line = reader.line_num + 1
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    _check_length(path, line, cells, header)
                    stripped = map(str.strip, cells)
                    rows.append((line, dict(zip(header, stripped, strict=True))))
                line = reader.line_num + 1
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text; save it as UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{path}: expected a table of CSV ({error})") from error
    return header, rows


def _delimiter(header: str) -> str:
    """Return what divides the columns; spreadsheets of some languages write `;`."""
    return max(",;\t", key=header.count)


def _check_header(path: Path, header: Sequence[str]) -> None:
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice or not any(header):
        found = f"{printable(twice[0])!r} twice" if twice else "none"
        raise InputError(f"{path}, line 1: expected names of columns, found {found}")


def _check_length(
    path: Path, line: int, cells: Sequence[str], header: Sequence[str]
) -> None:
    if len(cells) != len(header):
        raise InputError(
            f"{path}, line {line}: expected {len(header)} cells, found {len(cells)}; "
            "put a cell that contains a comma in double quotes"
        )
