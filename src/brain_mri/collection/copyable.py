"""List what of a folder can be copied for DVC, and why the rest cannot."""

import os
from pathlib import Path

from brain_mri.collection.listing import odd, poses_as_image

# DVC hashes none of these, and nothing in a folder that contains `.dvc`.
FOREIGN = {".dvc", ".dvcignore", ".git", ".hg"}
OF_DVC = "belongs to DVC, Git or Mercurial, not to a data set"


def files(source: Path) -> tuple[list[str], dict[str, str]]:
    """List the files of a folder that can be copied, and the reason for other entries.

    Both are relative POSIX paths, sorted. A path may hold surrogate code points if it
    is not UTF-8; such an entry is never among the files.
    """
    found: list[str] = []
    unfit: dict[str, str] = {}

    def below(path: str | Path) -> str:
        return Path(path).relative_to(source).as_posix()

    def unreadable(error: OSError) -> None:
        unfit[below(error.filename)] = f"cannot be read ({error.strerror})"

    for parent, folders, names in os.walk(source, onerror=unreadable):
        paths = [Path(parent, entry) for entry in folders]
        paths = [path for path in paths if _stands_for_itself(path)]
        folders[:] = [entry for entry in folders if entry not in FOREIGN]
        for path in (*paths, *(Path(parent, entry) for entry in names)):
            if reason := _unfit(path, source):
                unfit[below(path)] = reason
            else:
                found.append(below(path))
    return sorted(found), dict(sorted(unfit.items()))


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


def _not_utf8(path: Path) -> str:
    try:
        path.as_posix().encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return ""
