"""Map the folders of a data set to the two class labels."""

from collections.abc import Mapping
from pathlib import Path

from brain_mri.config import FILE, Classes
from brain_mri.errors import InputError, printable

MAX_LISTED = 20  # folders in an error message


def by_folder(named: Classes) -> dict[str, str]:
    """Return the class label, no or yes, of each folder in the section `classes`.

    Raises:
        InputError: a name is not a plain folder name, or is given twice.
    """
    label_of: dict[str, str] = {}
    for label, names in (("no", named.no), ("yes", named.yes)):
        for name in names:
            if name in ("", ".", "..") or "/" in name or "\\" in name:
                raise InputError(
                    f"{FILE}: classes.{label}: expected names of folders directly "
                    f"in the data set's folder, received {name!r}"
                )
            if name in label_of:
                raise InputError(
                    f"{FILE}: classes: expected each folder once, received "
                    f"{name!r} in {label_of[name]} and in {label}"
                )
            label_of[name] = label
    return label_of


def label_of(file: str, folders: Mapping[str, str]) -> str:
    """Return the class label of a file, a POSIX path below the data set; "" if none."""
    top, _, rest = file.partition("/")
    return folders.get(top, "") if rest else ""


def check_folders(dataset: Path, folders: Mapping[str, str]) -> None:
    """Check that a data set has every folder in `folders` (folder to class label).

    Raises:
        InputError: a folder is missing; the message lists the folders present.
    """
    if not dataset.is_dir():
        raise InputError(f"{dataset}: expected a folder, found none")
    for name, label in folders.items():
        path = dataset / name
        if path.is_symlink() or not path.is_dir():
            found = "a link" if path.is_symlink() else "none"
            raise InputError(
                f"{dataset / printable(name)}: expected a folder of images, found "
                f"{found}; classes.{label} in {FILE} names it, and {dataset} holds "
                + (listed(subfolders(dataset)) or "no folder")
            )


def subfolders(dataset: Path) -> list[str]:
    """List the names of the folders directly in a data set's folder, sorted."""
    return sorted(path.name for path in dataset.iterdir() if path.is_dir())


def listed(names: list[str]) -> str:
    """Join the first 20 names, escaped for printing."""
    more = ", ..." if len(names) > MAX_LISTED else ""
    return ", ".join(f"{printable(name)}/" for name in names[:MAX_LISTED]) + more
