"""Copy a folder of images into the project and track it with DVC."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from brain_mri.dataset.classes import check_folders, label_of, listed
from brain_mri.dataset.listing import (
    LEFT_OUT,
    LEFT_OUT_COLUMNS,
    left_out_before,
    odd,
    poses_as_image,
)
from brain_mri.errors import InputError, printable, remedy
from brain_mri.files.tables import write_csv

KAGGLE = "navoneel/brain-mri-images-for-brain-tumor-detection/versions/1"
KAGGLE_FILES = 253
HALF = ".adding-"  # prefix of an unfinished copy; Git ignores it

# DVC hashes none of these, and nothing in a folder that contains `.dvc`.
FOREIGN = {".dvc", ".dvcignore", ".git", ".hg"}
OF_DVC = "belongs to DVC, Git or Mercurial, not to a data set"


def copy_dataset(
    source: Path, target: Path, folders: Mapping[str, str]
) -> dict[str, str]:
    """Copy the named folders of a data set, except entries that DVC cannot hash.

    Entries left out, if any, are listed in left-out.csv beside the folders, with those
    that such a list in the source names. The copy is complete or absent.

    Args:
        source: the data set's folder.
        target: the copy's folder.
        folders: the class of each folder that is copied.

    Returns:
        The reason for each entry left out, by its escaped relative path, sorted.

    Raises:
        InputError: the source lacks a folder, the target exists already, or a file
            cannot be copied.
    """
    check_folders(source, folders)
    check_new(target)
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


def check_new(target: Path) -> None:
    """Check that the name of a copy is free.

    Raises:
        InputError: the copy's folder exists already.
    """
    if target.exists():
        raise InputError(
            f"{target}: exists already; choose another --name, or remove it and "
            f"{target}.dvc first"
        )


def size(source: Path, folders: Mapping[str, str]) -> tuple[int, int]:
    """Return the number of files in the named folders, and their total bytes."""
    sizes = [
        path.stat().st_size
        for name in folders
        for path in (source / name).rglob("*")
        if path.is_file()
    ]
    return len(sizes), sum(sizes)


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
            f"fix this, then run dvc add {target}, or remove it"
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


def _copy_tree(source: Path, name: str, copy: Path) -> dict[str, str]:
    """Copy the files below one folder; return the entries left out, with reasons."""
    left_out: dict[str, str] = {}

    def unreadable(error: OSError) -> None:
        left_out[_below(error.filename, source)] = f"cannot be read ({error.strerror})"

    (copy / name).mkdir(parents=True)
    for parent, folders, files in os.walk(source / name, onerror=unreadable):
        paths = [Path(parent, entry) for entry in folders]
        paths = [path for path in paths if _stands_for_itself(path)]
        folders[:] = [entry for entry in folders if entry not in FOREIGN]
        for path in (*paths, *(Path(parent, entry) for entry in files)):
            if reason := _unfit(path, source):
                left_out[_below(path, source)] = reason
            else:
                _copy_file(path, copy / path.relative_to(source))
    return left_out


def _stands_for_itself(folder: Path) -> bool:
    """Return whether a folder counts as one entry, without the files in it."""
    return folder.name in FOREIGN or folder.is_symlink() or poses_as_image(folder)


def _unfit(path: Path, source: Path) -> str:
    """Return why an entry is left out; "" if it is copied."""
    if path.name in FOREIGN:
        return OF_DVC
    if reason := _not_utf8(path) or odd(path, source):
        return reason
    return OF_DVC if path.name.endswith(".dvc") or path.name == "dvc.yaml" else ""


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


def _below(path: str | Path, source: Path) -> str:
    return printable(Path(path).relative_to(source).as_posix())


def _not_utf8(path: Path) -> str:
    try:
        path.as_posix().encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return ""
