"""Read review.csv, where a person groups, crops or excludes files by name."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from brain_mri.errors import InputError, printable
from brain_mri.files.user_tables import Row, read_rows

COLUMNS = ("file", "group", "box", "exclude", "reason")
MAX_LISTED = 10  # unknown files in an error message

Corners = tuple[int, int, int, int]


@dataclass(frozen=True)
class Decision:
    """Hold what a person decided about one file.

    where: file and line of the decision, for errors.
    group: a key that its files share, such as a patient's number; "" for none.
    box: x0, y0, x1, y1 in px of the whole image, half-open; None for the detected box.
    excluded: why the file is excluded; "" if it is not.
    """

    where: str
    group: str = ""
    box: Corners | None = None
    excluded: str = ""


def read(path: Path) -> dict[str, Decision]:
    """Read the decisions, by file path below the data set's folder.

    Raises:
        InputError: a column, a box or an exclusion is malformed, a row has no
            decision, or a file has two rows.
    """
    decisions: dict[str, Decision] = {}
    for row in read_rows(path, COLUMNS):
        file = row.cells["file"]
        if not file:
            raise InputError(f"{row.where}: expected a file's name, found none")
        if file in decisions:
            raise InputError(
                f"{row.where}: {printable(file)} already has a row: "
                f"{decisions[file].where}; expected one row per file"
            )
        decisions[file] = _decision(row)
    return decisions


def by_file(
    decisions: Mapping[str, Decision], files: Collection[str]
) -> dict[str, Decision]:
    """Return the decisions by the names of the files in the data set.

    Systems store an accented letter as one or two code points (Unicode NFC or NFD). If
    no file has exactly the name in the table, the one file that looks the same is used.

    Raises:
        InputError: a decision is about an unknown file, or about a file with another
            decision; the message names the first ten with their lines and the most
            similar files.
    """
    looks = Counter(map(_composed, files))
    alike = {look: file for file in files if looks[look := _composed(file)] == 1}
    found: dict[str, Decision] = {}
    unknown = []
    for file, decision in decisions.items():
        name = file if file in files else alike.get(_composed(file))
        if name is None or name in found or (name != file and name in decisions):
            unknown.append(file)
        else:
            found[name] = decision
    if unknown:
        named = (
            f"{decisions[file].where}: {_guessed(file, files)}"
            for file in unknown[:MAX_LISTED]
        )
        raise InputError(
            f"{len(unknown)} of {len(decisions)} decisions are about files that the "
            f"data set does not hold: {'; '.join(named)}. Expected paths "
            "below its folder"
        )
    return found


def check_box(decision: Decision, width: int, height: int) -> None:
    """Check that a box lies within its image of `width` x `height` px.

    Raises:
        InputError: the box reaches beyond the image.
    """
    if decision.box and (decision.box[2] > width or decision.box[3] > height):
        raise InputError(
            f"{decision.where}: expected a box within the image's {width} x {height} "
            f"px, found {written(decision.box)}"
        )


def written(box: Corners | None) -> str:
    """Write a box as `x0 y0 x1 y1`; None as ""."""
    return " ".join(map(str, box)) if box else ""


def _decision(row: Row) -> Decision:
    decision = Decision(
        where=row.where,
        group=row.cells["group"],
        box=_box(row.where, row.cells["box"]),
        excluded=_excluded(row),
    )
    if not (decision.group or decision.box or decision.excluded):
        raise InputError(
            f"{row.where}: expected a group, a box, or exclude 'yes' with a reason, "
            f"for {printable(row.cells['file'])}"
        )
    return decision


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
    answer = row.cells["exclude"].lower()
    reason = " ".join(row.cells["reason"].split())  # shown within one line
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
