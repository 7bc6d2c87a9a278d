"""Keep the part of every image when data are added, by split.csv."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from brain_mri.errors import InputError, printable
from brain_mri.files import tables
from brain_mri.files.image_ids import DIGITS, stem
from brain_mri.files.names import PARTS
from brain_mri.files.user_tables import read_rows

FILE = Path("split.csv")
COLUMNS = ("image_id", "patient", "part")
OF_GROUPS = ("image_id", "group", "part")  # the header of earlier versions
ID = re.compile(rf"[0-9a-f]{{{DIGITS}}}(-[0-9]+)?")
MAX_LISTED = 10  # images or patients in an error
MEND = (
    "exclude an image that joins them in review.csv, or give the patients one part in "
    f"{FILE}"
)


def read(path: Path) -> pd.DataFrame:
    """Read the frozen images: image_id, patient, part.

    The column `group` of earlier versions is read as `patient`.

    Raises:
        InputError: the file is malformed, an id or a part is invalid, an image is
            listed twice, or a patient or a file is in two parts.
    """
    rows = read_rows(path, OF_GROUPS if _is_of_groups(path) else COLUMNS)
    seen: set[str] = set()
    part_of: dict[str, str] = {}
    for row in rows:
        image_id, patient, part = row.cells.values()
        if not ID.fullmatch(image_id) or not ID.fullmatch(patient) or part not in PARTS:
            raise InputError(
                f"{row.where}: expected an image id and a patient, {DIGITS} digits "
                f"0-9 a-f each, and one of {', '.join(PARTS)}, found "
                f"{','.join(row.cells.values())!r}. A spreadsheet takes some ids for "
                f"numbers: git checkout {FILE}, and edit it as text"
            )
        if image_id in seen:
            raise InputError(f"{row.where}: expected each image once, found {image_id}")
        seen.add(image_id)
        for name in (f"patient {patient}", f"file {stem(image_id)}"):
            if part_of.setdefault(name, part) != part:
                raise InputError(
                    f"{row.where}: expected {name} in {part_of[name]}, where it is "
                    f"above, found it in {part}"
                )
    return pd.DataFrame(
        [[*row.cells.values()] for row in rows], columns=COLUMNS, dtype=str
    )


def translated(frozen: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Replace the ids of earlier versions, which were made of decoded pixels.

    Ids are made of the files' bytes now. The next `brain-mri freeze` writes the new
    ids to `split.csv`.

    Args:
        frozen: as `read` returns it.
        images: columns image_id and pixels_sha256, sorted by file.
    """
    same_pixels = images.groupby(images["pixels_sha256"].str[:DIGITS])["image_id"]
    now = {
        f"{pixels}-{number}" if number > 1 else pixels: image_id
        for pixels, ids in same_pixels
        for number, image_id in enumerate(ids, start=1)
    }
    return frozen.assign(
        **{key: frozen[key].map(lambda old: now.get(old, old)) for key in COLUMNS[:2]}
    )


def keep(images: pd.DataFrame, frozen: pd.DataFrame) -> dict[str, str]:
    """Return the part of each patient with a frozen image.

    Args:
        images: columns image_id, patient and file.
        frozen: as `read` returns it.

    Raises:
        InputError: a patient joins frozen patients of two parts, or the frozen images
            are those of another data set.
    """
    stems = images["image_id"].map(stem)
    rows = frozen.assign(stem=frozen["image_id"].map(stem))
    known = rows.drop_duplicates("stem").set_index("stem")
    old = images.assign(part=stems.map(known["part"]), was=stems.map(known["patient"]))
    there = old.dropna(subset="part")
    if there.empty and len(frozen):
        raise InputError(
            f"{FILE} freezes another data set: none of its {len(frozen)} images is in "
            "this one. Check out the one that belongs to it, or leave its header only"
        )
    parts = there.groupby("patient")["part"].nunique()
    if torn := sorted(parts.index[parts > 1]):
        named = "; ".join(
            _torn(old[old["patient"] == name]) for name in torn[:MAX_LISTED]
        )
        raise InputError(
            f"{len(torn)} patients join frozen ones of two parts: {named}. Mend: {MEND}"
        )
    return dict(zip(there["patient"], there["part"], strict=True))


def summary(images: pd.DataFrame, frozen: pd.DataFrame, kept: int) -> dict[str, int]:
    """Count the frozen patients that are present and the frozen images that are absent.

    Args:
        images: column image_id.
        frozen: as `read` returns it.
        kept: the number of patients with a frozen image.
    """
    there = Counter(images["image_id"].map(stem))
    then = Counter(frozen["image_id"].map(stem))
    return {"frozen_patients": kept, "frozen_absent": (then - there).total()}


def freeze(data: Path, frozen: pd.DataFrame) -> pd.DataFrame:
    """Return the present split and the frozen images absent from it, by image id.

    Args:
        data: the folder with the present split, split.csv, and manifest.csv.
        frozen: as `read` returns it.

    Raises:
        InputError: there is no present split, or it contradicts the frozen one.
    """
    path = data / "split.csv"
    if not path.is_file():
        raise InputError(f"{path}: expected the present split; dvc repro split first")
    present = tables.read_csv(path)[list(COLUMNS)]
    manifest = tables.read_csv(data / "manifest.csv")
    frozen = translated(frozen, manifest[manifest["accepted"]])
    part_of = dict(zip(present["image_id"].map(stem), present["part"], strict=True))
    old = frozen["image_id"].map(stem)
    moved = frozen[old.isin(part_of) & (old.map(part_of) != frozen["part"])]
    if len(moved):
        raise InputError(
            f"{path} contradicts {FILE} on {len(moved)} images "
            f"({_some(moved['image_id'])}): dvc repro split first"
        )
    absent = frozen[~frozen["image_id"].isin(present["image_id"])]
    both = pd.concat([present, absent])
    return both.sort_values("image_id", ignore_index=True)


def write(path: Path, split: pd.DataFrame) -> None:
    """Write the frozen images; a failed write leaves the old file."""
    tables.write_csv(path, split)


def _is_of_groups(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.readline().strip() == ",".join(OF_GROUPS)
    except (OSError, ValueError):  # `read_rows` says what is wrong
        return False


def _torn(images: pd.DataFrame) -> str:
    """Name the frozen patients that one patient joins, and the new images."""
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for row in images.dropna(subset="part").itertuples():
        parts[row.part].add(row.was)
    joined = " and ".join(
        f"{_some(sorted(parts[part]))} ({part})" for part in PARTS if part in parts
    )
    new = images.loc[images["part"].isna(), "file"]
    by = (
        f"by the new {_some(map(printable, new))}"
        if len(new)
        else "by review.csv or a patient"
    )
    return f"{joined}, joined {by}"


def _some(names: Iterable[str]) -> str:
    first = list(names)
    return ", ".join(first[:MAX_LISTED]) + (", ..." if len(first) > MAX_LISTED else "")
