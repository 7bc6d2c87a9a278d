"""Read a data set's own table, <dataset>.csv: what people know of its files."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from brain_mri.errors import InputError, printable
from brain_mri.files.names import CLASSES, PARTS
from brain_mri.files.tables import write_csv
from brain_mri.files.user_tables import Row, read_table

HEADER = ("file", "label", "patient", "part", "box", "exclude", "reason")
COLUMNS = (*HEADER, "volume")  # any other column may become a subgroup
MAX_LISTED = 10  # unknown files in an error message
MISSPELT = 0.85  # likeness from which a column is taken for a misspelt one

Corners = tuple[int, int, int, int]


@dataclass(frozen=True)
class Entry:
    """Hold what people know of one file; "" for what they do not.

    where: file and line of the entry, for errors.
    label: no or yes, or a folder's name that `classes` gives a class.
    patient: a pseudonym that the files of one patient share.
    part: train, val or test.
    box: x0, y0, x1, y1 in px of the whole image, half-open; None for the detected box.
    excluded: why the file is excluded.
    volume: a name that the slices of one volume share, whose label is the volume's.
    others: the cells of all other columns.
    """

    where: str
    label: str = ""
    patient: str = ""
    part: str = ""
    box: Corners | None = None
    excluded: str = ""
    volume: str = ""
    others: Mapping[str, str] = field(default_factory=dict)


def beside(dataset: str | Path) -> Path:
    """Return the path of a data set's table, which lies beside its folder."""
    return Path(f"{dataset}.csv")


def create(path: Path) -> bool:
    """Write a table without rows if there is none, and return whether it was written.

    Raises:
        InputError: the folder is closed or the disk full.
    """
    if path.exists():
        return False
    write_csv(path, pd.DataFrame(columns=[*HEADER]))
    return True


def read(path: Path) -> dict[str, Entry]:
    """Read the entries, by file path below the data set's folder.

    Raises:
        InputError: the table is missing or malformed, a column's name is misspelt, a
            cell has no valid value, or a file has two rows.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: expected the data set's table, found none; brain-mri add "
            "--in-place FOLDER writes it beside a folder"
        )
    columns, rows = read_table(path)
    _check_columns(path, columns)
    entries: dict[str, Entry] = {}
    for row in rows:
        file = row.cells["file"]
        if not file:
            raise InputError(f"{row.where}: expected a file's name, found none")
        if file in entries:
            raise InputError(
                f"{row.where}: {printable(file)} already has a row: "
                f"{entries[file].where}; expected one row per file"
            )
        entries[file] = _entry(row)
    return entries


def by_file(entries: Mapping[str, Entry], files: Collection[str]) -> dict[str, Entry]:
    """Return the entries by the names of the files in the data set.

    Systems store an accented letter as one or two code points (Unicode NFC or NFD). If
    no file has exactly the name in the table, the one file that looks the same is used.

    Raises:
        InputError: an entry is about an unknown file, or about a file with another
            entry; the message names the first ten with their lines and the most
            similar files.
    """
    looks = Counter(map(_composed, files))
    alike = {look: file for file in files if looks[look := _composed(file)] == 1}
    found: dict[str, Entry] = {}
    unknown = []
    for file, entry in entries.items():
        name = file if file in files else alike.get(_composed(file))
        if name is None or name in found or (name != file and name in entries):
            unknown.append(file)
        else:
            found[name] = entry
    if unknown:
        named = (
            f"{entries[file].where}: {_guessed(file, files)}"
            for file in unknown[:MAX_LISTED]
        )
        raise InputError(
            f"{len(unknown)} of {len(entries)} rows are about files that the "
            f"data set does not hold: {'; '.join(named)}. Expected paths "
            "below its folder; correct or remove the rows"
        )
    return found


def clash(name: str) -> str:
    """Return the one of `COLUMNS` that a further column looks like; "" if none."""
    if name == "group":
        return "patient"  # the name of earlier versions
    return next(iter(difflib.get_close_matches(name.lower(), COLUMNS, 1, MISSPELT)), "")


def label(entry: Entry, folders: Mapping[str, str]) -> str:
    """Return the class, no or yes, that an entry gives its file; "" if none.

    Raises:
        InputError: the label is neither a class nor a folder's name in `folders`.
    """
    if not entry.label or entry.label in CLASSES:
        return entry.label
    if entry.label not in folders:
        raise InputError(
            f"{entry.where}: expected label no or yes, or a name that classes in "
            f"params.yaml gives a class, found {entry.label[:60]!r}"
        )
    return folders[entry.label]


def check_box(entry: Entry, width: int, height: int) -> None:
    """Check that a box lies within its image of `width` x `height` px.

    Raises:
        InputError: the box reaches beyond the image.
    """
    if entry.box and (entry.box[2] > width or entry.box[3] > height):
        raise InputError(
            f"{entry.where}: expected a box within the image's {width} x {height} "
            f"px, found {written(entry.box)}"
        )


def written(box: Corners | None) -> str:
    """Write a box as `x0 y0 x1 y1`; None as ""."""
    return " ".join(map(str, box)) if box else ""


def _check_columns(path: Path, found: Collection[str]) -> None:
    """Refuse a table without the column `file`, or with a misspelt column."""
    if "file" not in found:
        raise InputError(
            f"{path}, line 1: expected a column 'file', found "
            f"{printable(','.join(found))}"
        )
    for name in sorted(set(found) - set(COLUMNS)):
        if meant := clash(name):
            raise InputError(
                f"{path}, line 1: unknown column {printable(name)}; did you mean "
                f"{meant!r}? A column of your own needs a name less alike"
            )


def _entry(row: Row) -> Entry:
    cells = row.cells
    part = cells.get("part", "")
    if part not in ("", *PARTS):
        raise InputError(
            f"{row.where}: expected part to be {', '.join(PARTS)} or empty, found "
            f"{part[:60]!r}"
        )
    return Entry(
        where=row.where,
        label=cells.get("label", ""),
        patient=cells.get("patient", ""),
        part=part,
        box=_box(row.where, cells.get("box", "")),
        excluded=_excluded(row),
        volume=cells.get("volume", ""),
        others={name: cells[name] for name in cells if name not in COLUMNS},
    )


def _box(where: str, text: str) -> Corners | None:
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\s+[0-9]{1,9}){3}", text):
        x0, y0, x1, y1 = map(int, text.split())
        if x0 < x1 and y0 < y1:
            return x0, y0, x1, y1
    raise InputError(
        f"{where}: expected a box as 'x0 y0 x1 y1', whole px of at most 9 digits "
        f"with x0 < x1 and y0 < y1, found {text[:60]!r}"
    )


def _excluded(row: Row) -> str:
    answer = row.cells.get("exclude", "").lower()
    reason = " ".join(row.cells.get("reason", "").split())  # shown within one line
    if answer not in ("", "yes"):
        raise InputError(
            f"{row.where}: expected exclude to be 'yes' or empty, found {answer!r}"
        )
    if answer and not reason:
        raise InputError(f"{row.where}: expected a reason for the exclusion, got none")
    return reason if answer else ""


def _guessed(file: str, files: Collection[str]) -> str:
    near = difflib.get_close_matches(file, sorted(files), n=1)
    if not near:
        return printable(file)
    # names that look the same are told apart by their code points
    same = _composed(near[0]) == _composed(file)
    typed, there = (
        ascii(name)[1:-1] if same else printable(name) for name in (file, near[0])
    )
    return f"{typed} (did you mean {there}?)"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
