"""Write the present split into the data set's table, so that later runs keep it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from brain_mri.collection import table
from brain_mri.errors import InputError
from brain_mri.files import tables
from brain_mri.files.names import LEAKED
from brain_mri.files.user_tables import read_table


def freeze(data: Path, path: Path, *, repair: bool = False) -> pd.DataFrame:
    """Return a data set's table with the present part of each image.

    An image that leaks keeps its given part; with `repair` it moves to the part of its
    picture or patient, which makes the test part smaller.

    Args:
        data: the folder with the present split, split.csv, and manifest.csv.
        path: the table.
        repair: whether to move images that leak.

    Raises:
        InputError: there is no present split, or the table has changed since.
    """
    present = _present(data)
    entries = table.by_file(table.read(path), present["file"])
    parts = {file: entry.part for file, entry in entries.items()}
    given = present["file"].map(lambda file: parts.get(file, ""))
    if (present["accepted"] & (given != present["given"])).any():
        raise InputError(
            f"{path}: its column part has changed since the last run: dvc repro split "
            "first"
        )
    column = "joined" if repair else "kept"
    used = present[present["accepted"]]
    part_of = dict(zip(used["file"], used[column], strict=True))
    return _with_parts(path, part_of, {f: entry.where for f, entry in entries.items()})


def _with_parts(
    path: Path, part_of: Mapping[str, str], where: Mapping[str, str]
) -> pd.DataFrame:
    """Return a table with these parts by file; `where`: file and line of a row.

    Files without a row get one, after the others; all other cells stay.
    """
    columns, rows = read_table(path)
    columns = columns if "part" in columns else [*columns, "part"]
    cells = {row.where: dict(row.cells) for row in rows}
    for file, part in part_of.items():
        cells.setdefault(where.get(file, file), {"file": file})["part"] = part
    filled = [[row.get(name, "") for name in columns] for row in cells.values()]
    return pd.DataFrame(filled, columns=columns)


def _present(data: Path) -> pd.DataFrame:
    """Return the manifest with the part that is kept, and the part when joined."""
    path = data / "split.csv"
    if not path.is_file():
        raise InputError(f"{path}: expected the present split; dvc repro split first")
    split = tables.read_csv(path)
    manifest = tables.read_csv(data / "manifest.csv")
    part = manifest["image_id"].map(split.set_index("image_id")["part"])
    if part[manifest["accepted"]].isna().any():
        raise InputError(f"{path}: of other images than manifest.csv: dvc repro split")
    leaks = part == LEAKED
    whole = manifest.assign(part=part)[part.notna() & ~leaks]
    of_patient = manifest["patient"].map(whole.groupby("patient")["part"].first())
    return manifest.assign(
        kept=part.mask(leaks, manifest["given"]), joined=part.mask(leaks, of_patient)
    )
