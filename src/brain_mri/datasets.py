"""Bring a folder of images into the project, so that DVC can keep it."""

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from brain_mri.errors import InputError
from brain_mri.images import CLASSES

KAGGLE = "navoneel/brain-mri-images-for-brain-tumor-detection/versions/1"
KAGGLE_FILES = 253


def copy_dataset(source: Path, target: Path) -> dict[str, str]:
    """Copy `no/` and `yes/` of a folder, without what DVC cannot hash.

    The copy appears whole or not at all.

    Returns:
        The entries left out, by relative path, and why.

    Raises:
        InputError: the source lacks a class, or the target exists already.
    """
    check_source(source)
    if target.exists():
        raise InputError(
            f"{target}: exists already; choose another --name, or remove it and "
            f"{target}.dvc first"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adding-") as scratch:
        copy = Path(scratch) / "copy"
        left_out: dict[str, str] = {}
        for label in CLASSES:
            left_out |= _copy_tree(source, label, copy)
        copy.replace(target)
    return left_out


def check_source(source: Path) -> None:
    """Raise InputError unless `source` has a folder for each class."""
    for label in CLASSES:
        if not (source / label).is_dir():
            raise InputError(
                f"{source / label}: expected a folder of images, found none; "
                f"{source} must hold no/ (without a tumour) and yes/ (with one)"
            )


def check_count(source: Path, expected: int) -> None:
    """Raise InputError unless the classes hold as many files as expected."""
    check_source(source)
    found = sum(
        path.is_file() for label in CLASSES for path in (source / label).rglob("*")
    )
    if found != expected:
        raise InputError(
            f"{source}: expected {expected} files in no/ and yes/, found {found}; "
            "delete the folder and fetch again"
        )


def default_name(source: Path) -> str:
    """Derive a data set's name from its folder: lower case, digits, `-`, `_`, `.`."""
    name = re.sub(r"[^a-z0-9._-]+", "-", source.resolve().name.lower()).strip("-.")
    return name or "images"


def check_name(name: str) -> str:
    """Return a data set's name if it is a plain one.

    Raises:
        InputError: the name could lead out of data/raw, or needs quoting.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise InputError(
            f"--name {name!r}: expected letters, digits, '-', '_' and '.' only"
        )
    return name


def _copy_tree(source: Path, label: str, copy: Path) -> dict[str, str]:
    left_out: dict[str, str] = {}

    def unreadable(error: OSError) -> None:
        left_out[_shown(error.filename, source)] = f"cannot be read ({error.strerror})"

    for folder, subfolders, files in os.walk(source / label, onerror=unreadable):
        subfolders.sort()
        for name in subfolders:
            if Path(folder, name).is_symlink():
                left_out[_shown(Path(folder, name), source)] = "a link to a folder"
        for name in sorted(files):
            path = Path(folder, name)
            relative = path.relative_to(source)
            if reason := _unfit(path):
                left_out[_shown(path, source)] = reason
                continue
            (copy / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy / relative)
    (copy / label).mkdir(parents=True, exist_ok=True)
    return left_out


def _shown(path: str | Path, source: Path) -> str:
    """Name an entry in plain letters, whatever bytes its name is made of."""
    return ascii(str(Path(path).relative_to(source)))[1:-1]


def _unfit(path: Path) -> str:
    """Say why DVC cannot hash a file, or nothing."""
    try:
        str(path).encode("utf-8")
        mode = path.stat().st_mode
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    except FileNotFoundError:
        return "a broken link"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not stat.S_ISREG(mode):
        return "not a regular file"
    return "" if os.access(path, os.R_OK) else "no permission to read it"
