"""Bring a folder of images into the project, so that DVC can keep it."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from brain_mri.classes import check_folders, label_of, listed
from brain_mri.errors import InputError, shown
from brain_mri.listing import (
    LEFT_OUT,
    LEFT_OUT_COLUMNS,
    left_out_before,
    odd,
    poses_as_image,
)
from brain_mri.tables import write_csv

KAGGLE = "navoneel/brain-mri-images-for-brain-tumor-detection/versions/1"
KAGGLE_FILES = 253
HALF = ".adding-"  # what is being copied; Git ignores it


def copy_dataset(
    source: Path, target: Path, folders: Mapping[str, str]
) -> dict[str, str]:
    """Copy the named folders of a data set, without what DVC cannot hash.

    What is left out is listed in left-out.csv beside them, if anything is; so is what
    such a list of the source names. The copy appears whole or not at all.

    Args:
        source: the data set's folder.
        target: the copy's.
        folders: the class of each folder that is copied.

    Returns:
        The entries left out, by relative path fit to be read, and why; sorted.

    Raises:
        InputError: the source lacks a folder, or the target exists already.
    """
    check_folders(source, folders)
    if target.exists():
        raise InputError(
            f"{target}: exists already; choose another --name, or remove it and "
            f"{target}.dvc first"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=HALF) as scratch:
        copy = Path(scratch) / "copy"
        left_out = {
            file: reason
            for file, reason in left_out_before(source).items()
            if label_of(file, folders) and not (source / file).exists()
        }
        for name in folders:
            left_out |= _copy_tree(source, name, copy)
        rows = sorted(left_out.items())
        if rows:
            write_csv(copy / LEFT_OUT, pd.DataFrame(rows, columns=LEFT_OUT_COLUMNS))
        copy.replace(target)
    return dict(rows)


def check_count(source: Path, folders: Mapping[str, str], expected: int) -> None:
    """Raise InputError unless the folders hold as many files as expected."""
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
    """Return a data set's name if it is a plain one.

    Raises:
        InputError: the name could lead out of data/raw, needs quoting, or is one that
            DVC takes for its own.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise InputError(
            f"--name {name!r}: expected letters, digits, '-', '_' and '.' only"
        )
    if name.endswith(".dvc") or name == "dvc.yaml":
        raise InputError(f"--name {name!r}: expected no name of a file of DVC's own")
    return name


def _copy_tree(source: Path, name: str, copy: Path) -> dict[str, str]:
    """Copy the files below one folder, and return what is left out, and why."""
    left_out: dict[str, str] = {}

    def unreadable(error: OSError) -> None:
        left_out[_below(error.filename, source)] = f"cannot be read ({error.strerror})"

    (copy / name).mkdir(parents=True)
    for parent, folders, files in os.walk(source / name, onerror=unreadable):
        paths = [Path(parent, entry) for entry in folders]
        paths = [path for path in paths if path.is_symlink() or poses_as_image(path)]
        for path in (*paths, *(Path(parent, entry) for entry in files)):
            if reason := _not_utf8(path) or odd(path, source):
                left_out[_below(path, source)] = reason
                continue
            into = copy / path.relative_to(source)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, into)
    return left_out


def _below(path: str | Path, source: Path) -> str:
    return shown(Path(path).relative_to(source).as_posix())


def _not_utf8(path: Path) -> str:
    try:
        path.as_posix().encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return ""
