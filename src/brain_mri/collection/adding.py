"""Copy a folder of images into the project and track it with DVC."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from brain_mri.collection import pseudonyms, slicing
from brain_mri.collection.classes import check_folders, listed
from brain_mri.collection.layouts import Layout
from brain_mri.collection.listing import LEFT_OUT, LEFT_OUT_COLUMNS
from brain_mri.collection.table import beside
from brain_mri.errors import InputError, printable, remedy
from brain_mri.files.tables import write_csv

KAGGLE = "navoneel/brain-mri-images-for-brain-tumor-detection/versions/1"
KAGGLE_FILES = 253
SLICES = 8  # of each volume
HALF = ".adding-"  # prefix of an unfinished copy; Git ignores it


@dataclass(frozen=True)
class Copied:
    """Hold what a copy holds: its own table, what it lacks and why, lines to tell."""

    table: pd.DataFrame
    left_out: dict[str, str]
    told: tuple[str, ...]


def copy_dataset(layout: Layout, target: Path, slices: int = SLICES) -> Copied:
    """Copy a collection, with slices of its volumes, and write its own table beside it.

    Entries left out, if any, are listed in left-out.csv in the copy's folder. The copy
    is complete or absent.

    Args:
        layout: the collection.
        target: the copy's folder.
        slices: slices of each volume, at most.

    Raises:
        InputError: the target or its table exists already, or a file cannot be copied.
    """
    check_new(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=HALF) as scratch:
        copy, own = Path(scratch) / "copy", Path(scratch) / "own.csv"
        copy.mkdir()
        for file in sorted({*layout.files} - {*layout.volumes}):
            _copy_file(layout.root / file, copy / file)
        copied = _with_volumes(layout, copy, slices)
        rows = list(copied.left_out.items())
        if rows:
            write_csv(copy / LEFT_OUT, pd.DataFrame(rows, columns=LEFT_OUT_COLUMNS))
        write_csv(own, copied.table)
        copy.replace(target)
        own.replace(beside(target))
    return copied


def write_table(layout: Layout) -> Path:
    """Write the own table of a collection that stays where it is, beside its folder.

    Raises:
        InputError: the table exists already, or the collection has volumes.
    """
    path = beside(layout.root)
    if path.exists():
        raise InputError(
            f"{path}: exists already; correct it by hand, or remove it first"
        )
    if layout.volumes:
        first = printable(str(layout.root / layout.volumes[0]))
        raise InputError(
            f"{first}: a volume, whose slices must be written to a copy; add the "
            "folder without --in-place"
        )
    write_csv(path, layout.table)
    return path


def check_new(target: Path) -> None:
    """Check that the name of a copy is free.

    Raises:
        InputError: the copy's folder or its table exists already.
    """
    for path in (target, beside(target)):
        if path.exists():
            raise InputError(
                f"{path}: exists already; choose another --name, or remove {target}, "
                f"{target}.dvc and {beside(target)} first"
            )


def size(layout: Layout) -> int:
    """Return the bytes of all files of a collection."""
    return sum((layout.root / file).stat().st_size for file in layout.files)


def check_room(needed: int, target: Path) -> None:
    """Check that the disk has room for a copy.

    Raises:
        InputError: fewer than `needed` bytes are free on the disk of `target`.
    """
    place = next(path for path in target.absolute().parents if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"{target}: expected room for {needed / 1e9:.1f} GB, found "
            f"{free / 1e9:.1f} GB free; free space on that disk, then start again"
        )


def track(target: Path) -> int:
    """Track a copy with DVC, and return its number of files without left-out.csv.

    Raises:
        InputError: DVC fails, or skips files, which a later checkout would lose.
    """
    files = sum(path.is_file() for path in target.rglob("*"))
    command = [sys.executable, "-m", "dvc", "add", str(target)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise InputError(
            f"dvc add {target} failed ({_last_error(done.stderr)}); the copy is kept: "
            f"fix this, then run dvc add {target}, or remove it with {beside(target)}"
        )
    record = Path(f"{target}.dvc")
    [out] = yaml.safe_load(record.read_text(encoding="utf-8"))["outs"]
    if out["nfiles"] != files:
        raise InputError(
            f"{record}: expected {files} files, DVC took {out['nfiles']}; DVC "
            f"skips files that .dvcignore names: remove {target} and {record}, correct "
            ".dvcignore, then add again"
        )
    return files - (target / LEFT_OUT).is_file()


def check_count(source: Path, folders: Mapping[str, str], expected: int) -> None:
    """Raise InputError unless the folders hold `expected` files."""
    check_folders(source, folders)
    found = sum(
        path.is_file() for name in folders for path in (source / name).rglob("*")
    )
    if found != expected:
        raise InputError(
            f"{source}: expected {expected} files in {listed(sorted(folders))}, found "
            f"{found}; delete the folder and fetch again"
        )


def default_name(source: Path) -> str:
    """Derive a data set's name from its folder: lower case, digits, `-`, `_`, `.`."""
    name = re.sub(r"[^a-z0-9._-]+", "-", source.resolve().name.lower()).strip("-.")
    return name or "images"


def check_name(name: str) -> str:
    """Return a data set's name if it is valid.

    Raises:
        InputError: the name could lead out of data/raw, needs quoting, or is reserved
            by DVC.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise InputError(
            f"--name {name!r}: expected letters, digits, '-', '_' and '.', beginning "
            "with a letter, a digit or '_'"
        )
    if name.endswith(".dvc") or name == "dvc.yaml":
        raise InputError(f"--name {name!r}: expected a name not reserved by DVC")
    return name


def _with_volumes(layout: Layout, copy: Path, slices: int) -> Copied:
    if not layout.volumes:
        return Copied(layout.table, layout.left_out, ())
    sliced, unread = slicing.write(layout.root, layout.volumes, slices, copy)
    left_out = dict(sorted((layout.left_out | unread).items()))
    images = sorted({*layout.files} - {*layout.volumes})
    of_images = slicing.beside_volumes(layout.root, images, sliced)
    table = slicing.with_slices(layout.table, layout.volumes, sliced, of_images)
    told = [slicing.told(layout.table, sliced)] if sliced else []
    told += pseudonyms.of_table(table)
    return Copied(table, left_out, tuple(told))


def _copy_file(path: Path, into: Path) -> None:
    # The copy stops here: the error does not tell whether reading or writing failed.
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, into)
    except OSError as error:
        way_out = remedy(error) or "; repair the file or move it away, then start again"
        raise InputError(
            f"{printable(str(path))}: cannot be copied ({error.strerror}){way_out}"
        ) from error


def _last_error(said: str) -> str:
    """Return the last error in the output of DVC, or else its first line."""
    lines = [line for line in said.splitlines() if line.strip()] or ["no reason given"]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines[:1]
    return printable(errors[-1].removeprefix("ERROR:").strip())
