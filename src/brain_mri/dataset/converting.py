"""Convert review.csv and split.csv of earlier versions to the data set's table."""

import re
from pathlib import Path

import pandas as pd

from brain_mri.collection import table
from brain_mri.dataset import auditing
from brain_mri.errors import InputError
from brain_mri.files.image_ids import DIGITS, stem
from brain_mri.files.names import PARTS
from brain_mri.files.user_tables import read_rows

REVIEW, SPLIT = Path("review.csv"), Path("split.csv")
OF_REVIEW = ("file", "group", "box", "exclude", "reason")
OF_SPLIT = ("image_id", "patient", "part")
OF_GROUPS = ("image_id", "group", "part")  # the header of still earlier versions
ID = re.compile(rf"[0-9a-f]{{{DIGITS}}}(-[0-9]+)?")


def convert(
    root: Path, dataset: Path, folders: dict[str, str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the table that holds the decisions of the old files, and what is lost.

    Args:
        root: the folder of the old files; one of them may be missing.
        dataset: the folder of the data set that they are about.
        folders: the class of each folder in it.

    Returns:
        The table, and the image ids of split.csv that the data set does not hold.

    Raises:
        InputError: the table has rows already, both old files are missing, or a row is
            malformed or about an unknown file.
    """
    path = table.beside(dataset)
    if path.exists() and table.read(path):
        raise InputError(f"{path}: has rows already; expected a table without rows")
    if not (root / REVIEW).exists() and not (root / SPLIT).exists():
        raise InputError(f"expected {REVIEW} or {SPLIT} in this folder, found neither")
    rows = _reviewed(root / REVIEW)
    audited = auditing.audit(dataset, folders, {})
    part_of, lost = _parts(root / SPLIT, audited.manifest)
    files = sorted({*rows, *part_of})
    empty = dict.fromkeys(table.HEADER, "")
    known = ({"file": f, "part": part_of.get(f, ""), **rows.get(f, {})} for f in files)
    cells = [empty | row for row in known]
    return pd.DataFrame(cells, columns=[*table.HEADER]), lost


def _reviewed(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    rows = [row.cells for row in read_rows(path, OF_REVIEW)]
    return {
        row["file"]: {
            "patient": row["group"],
            "box": row["box"],
            "exclude": row["exclude"],
            "reason": row["reason"],
        }
        for row in rows
    }


def _parts(path: Path, manifest: pd.DataFrame) -> tuple[dict[str, str], list[str]]:
    """Return the frozen part of each file, and the ids that no file has.

    Exact copies share their part. Ids were made of the file's bytes or, earlier, of the
    decoded pixels.
    """
    frozen = _frozen(path)
    part_of: dict[str, str] = {}
    lost = {stem(image_id) for image_id in frozen}
    part_of_stem = {stem(image_id): part for image_id, part in frozen.items()}
    for row in manifest[manifest["accepted"]].itertuples():
        for name in (row.sha256[:DIGITS], row.pixels_sha256[:DIGITS]):
            if name in part_of_stem and row.file not in part_of:
                part_of[row.file] = part_of_stem[name]
            lost.discard(name)
    return part_of, sorted(lost)


def _frozen(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        old = file.readline().strip() == ",".join(OF_GROUPS)
    parts = {}
    for row in read_rows(path, OF_GROUPS if old else OF_SPLIT):
        image_id, part = row.cells["image_id"], row.cells["part"]
        if not ID.fullmatch(image_id) or part not in PARTS:
            raise InputError(
                f"{row.where}: expected an image id of {DIGITS} digits 0-9 a-f and one "
                f"of {', '.join(PARTS)}, found {image_id!r}, {part!r}"
            )
        parts[image_id] = part
    return parts
