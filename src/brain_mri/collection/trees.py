"""List a collection: its files, without junk and without an archive's outer folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brain_mri.collection import copyable, given_table, junk, places
from brain_mri.errors import InputError


@dataclass(frozen=True)
class Tree:
    """Hold what lies in a folder; names are POSIX paths below `root`, sorted.

    files: files that can be copied.
    unfit: the reason for each entry that cannot.
    ignored: the reason for each file that belongs to no collection.
    told: lines that say what was done.
    """

    root: Path
    files: list[str]
    unfit: dict[str, str]
    ignored: dict[str, str]
    told: tuple[str, ...]


def look_into(source: Path, classes: Mapping[str, str]) -> Tree:
    """List a folder, or the only folder in it, which archives have around their files.

    Raises:
        InputError: there is no such folder, or no file in it.
    """
    if not source.is_dir():
        raise InputError(f"{source}: expected a folder, found none")
    files, unfit = copyable.files(source)
    ignored = junk.ignored(source, files)
    files = [file for file in files if file not in ignored]
    if not files and not unfit:
        raise InputError(f"{source}: expected images, found no file")
    told = [junk.told(ignored.values())] if ignored else []
    outer = _outer(source, files, classes)
    if outer:
        told.append(f"{outer} is the only folder: looked into")
    return Tree(
        source / outer,
        [file.removeprefix(outer) for file in files if file.startswith(outer)],
        {
            file.removeprefix(outer): reason
            for file, reason in unfit.items()
            if file.startswith(outer)
        },
        {file.removeprefix(outer): reason for file, reason in ignored.items()},
        tuple(told),
    )


def _outer(source: Path, files: list[str], classes: Mapping[str, str]) -> str:
    """Return `name/` if all lies in one folder that names no class and no part."""
    tops = {file.partition("/")[0] for file in files if "/" in file}
    if len(tops) != 1 or given_table.find(source, files):
        return ""
    only = tops.pop()
    return "" if places.is_clear(only, classes) else f"{only}/"
