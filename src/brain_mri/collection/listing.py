"""List the files of a data set, and say why an entry cannot be used."""

import os
import re
import stat
from pathlib import Path

from brain_mri.collection.file_names import SUFFIXES
from brain_mri.errors import InputError, printable
from brain_mri.files.user_tables import read_rows

# Entries that `brain-mri add` could not copy; the list is kept with the data.
LEFT_OUT = "left-out.csv"
LEFT_OUT_COLUMNS = ("file", "reason")

# DVC 3 keeps files/md5/ab/<30 hex digits>, DVC 2 ab/<30 hex digits>.
IN_CACHE = re.compile(r"/[0-9a-f]{2}/[0-9a-f]{30}$")
IN_ANNEX = re.compile(r"/\.git/(.+/)?annex/objects/")


def list_files(folder: Path) -> list[str]:
    """List all files below `folder`: relative POSIX paths, sorted.

    Links, other odd entries and empty folders with an image's name are listed too, so
    that each is rejected with a reason.

    Raises:
        InputError: `folder` or a folder below it cannot be read; or a name is not
            UTF-8, as the tables require.
    """
    paths = []
    for parent, folders, names in os.walk(folder, onerror=_unreadable):
        below = [Path(parent, name) for name in folders]
        paths += [path for path in below if path.is_symlink() or poses_as_image(path)]
        paths += [Path(parent, name) for name in names]
    files = sorted(path.relative_to(folder).as_posix() for path in paths)
    for file in files:
        # Python replaces bytes that are not UTF-8 by surrogate code points.
        if any("\ud800" <= letter <= "\udfff" for letter in file):
            raise InputError(
                f"{folder}: expected file names in UTF-8, found {ascii(file)}; "
                "rename the file"
            )
    return files


def left_out_before(folder: Path) -> dict[str, str]:
    """Read the reason for each file that `brain-mri add` left out of a data set.

    Names and reasons are escaped for printing, as anyone may have written the list.

    Raises:
        InputError: the list is malformed.
    """
    path = folder / LEFT_OUT
    if not path.is_file():
        return {}
    rows = read_rows(path, LEFT_OUT_COLUMNS)
    return {
        printable(row.cells["file"]): printable(row.cells["reason"]) for row in rows
    }


def poses_as_image(folder: Path) -> bool:
    """Return whether a folder is named like an image and holds no file."""
    if folder.suffix.lower() not in SUFFIXES:
        return False
    return not any(path.is_symlink() or not path.is_dir() for path in folder.rglob("*"))


def leads_out(path: Path, folder: Path) -> bool:
    """Return whether a link leads out of `folder`, other than into a store of files.

    `dvc config cache.type symlink` makes each file a link into DVC's cache; git-annex
    makes each file a link into `.git/annex/objects`.
    """
    target = path.resolve()
    return not target.is_relative_to(folder.resolve()) and not (
        IN_CACHE.search(target.as_posix()) or IN_ANNEX.search(target.as_posix())
    )


def odd(path: Path, folder: Path) -> str:
    """Return why an entry of `folder` is not a readable file; "" if it is."""
    try:
        mode = path.stat().st_mode  # of the target, if it is a link
    except FileNotFoundError:
        return _broken(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if path.is_symlink() and stat.S_ISDIR(mode):
        return "a link to a folder"
    if path.is_symlink() and leads_out(path, folder):
        return "a link out of the data set's folder"
    if stat.S_ISDIR(mode):
        return "a folder with an image's name, without a file"
    if not stat.S_ISREG(mode):
        return "not a regular file"
    return "" if os.access(path, os.R_OK) else "no permission to read it"


def _broken(link: Path) -> str:
    target = link.resolve().as_posix()
    if IN_ANNEX.search(target):
        return "a link into git-annex without its content: git annex get"
    if IN_CACHE.search(target):
        return "a link into a DVC cache without its content: dvc pull"
    return "a broken link"


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error
