"""Read review.csv, where a person groups, crops or excludes files by name."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from brain_mri.errors import InputError, shown
from brain_mri.ledger import Row, read_rows

COLUMNS = ("file", "group", "box", "exclude", "reason")
NAMED = 10  # unknown files in an error

Corners = tuple[int, int, int, int]


@dataclass(frozen=True)
class Decision:
    """Hold what a person decided about one file.

    where: file and line of the decision, for errors.
    group: what its files share, as a patient's number; "" for none.
    box: x0, y0, x1, y1 in px of the whole image, half-open; None for the one found.
    excluded: why the file is left out; "" for a file that is not.
    """

    where: str
    group: str = ""
    box: Corners | None = None
    excluded: str = ""


def read(path: Path) -> dict[str, Decision]:
    """Read the decisions, by file: its path below the data set's folder.

    Raises:
        InputError: a column, a box or an exclusion is malformed, or a file stands
            there twice.
    """
    decisions: dict[str, Decision] = {}
    for row in read_rows(path, COLUMNS):
        file = row.cells["file"]
        if not file:
            raise InputError(f"{row.where}: expected a file's name, found none")
        if file in decisions:
            raise InputError(
                f"{row.where}: {shown(file)} was decided about in "
                f"{decisions[file].where} already; expected one row a file"
            )
        decisions[file] = _decision(row)
    return decisions


def check_files(decisions: Mapping[str, Decision], files: Collection[str]) -> None:
    """Refuse decisions about files that are not there, naming the first ten.

    Raises:
        InputError: there is one; it is named with its line and the likeliest file.
    """
    unknown = [file for file in decisions if file not in files]
    if unknown:
        named = "; ".join(
            f"{decisions[file].where}: {shown(file)}{_guess(file, files)}"
            for file in unknown[:NAMED]
        )
        raise InputError(
            f"{len(unknown)} of {len(decisions)} decisions are about files that the "
            f"data set does not hold: {named}. Expected paths below its folder"
        )


def check_box(decision: Decision, width: int, height: int) -> None:
    """Refuse a box that does not fit its image, of that size in px.

    Raises:
        InputError: it reaches out of the image.
    """
    if decision.box and (decision.box[2] > width or decision.box[3] > height):
        raise InputError(
            f"{decision.where}: expected a box within the image's {width} x {height} "
            f"px, found {written(decision.box)}"
        )


def written(box: Corners | None) -> str:
    """Write a box as `x0 y0 x1 y1`; none is empty."""
    return " ".join(map(str, box)) if box else ""


def _decision(row: Row) -> Decision:
    return Decision(
        where=row.where,
        group=row.cells["group"],
        box=_box(row.where, row.cells["box"]),
        excluded=_excluded(row),
    )


def _box(where: str, text: str) -> Corners | None:
    if not text:
        return None
    words = text.split()
    if len(words) == 4 and all(word.isdecimal() and word.isascii() for word in words):
        x0, y0, x1, y1 = map(int, words)
        if x0 < x1 and y0 < y1:
            return x0, y0, x1, y1
    raise InputError(
        f"{where}: expected a box as 'x0 y0 x1 y1', whole px with x0 < x1 and y0 < y1, "
        f"found {text!r}"
    )


def _excluded(row: Row) -> str:
    answer = row.cells["exclude"].lower()
    reason = " ".join(row.cells["reason"].split())  # it stands in lines of text
    if answer not in ("", "yes"):
        raise InputError(
            f"{row.where}: expected exclude to be 'yes' or empty, found {answer!r}"
        )
    if answer and not reason:
        raise InputError(f"{row.where}: expected a reason for the exclusion, got none")
    return reason if answer else ""


def _guess(file: str, files: Collection[str]) -> str:
    near = difflib.get_close_matches(file, sorted(files), n=1)
    return f" (did you mean {shown(near[0])}?)" if near else ""
