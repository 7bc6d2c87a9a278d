"""Tell from a file's folders which part and which class it lies in."""

from collections.abc import Mapping, Sequence

from brain_mri.collection.class_names import FOLDERS, normal

PART_OF = dict.fromkeys(("train", "training"), "train")
PART_OF |= dict.fromkeys(("val", "valid", "validation"), "val")
PART_OF |= dict.fromkeys(("test", "testing"), "test")


def is_clear(folder: str, classes: Mapping[str, str]) -> bool:
    """Return whether the name of a folder is that of a class or of a part."""
    return folder in classes or normal(folder) in FOLDERS | PART_OF


def parts_below(files: Sequence[str]) -> bool:
    """Return whether every top folder holds folders of parts alone, as in yes/train."""
    deep = [file.split("/") for file in files if "/" in file]
    return bool(deep) and all(
        len(names) > 2 and normal(names[1]) in PART_OF for names in deep
    )


def place(file: str, classes: Mapping[str, str], below: bool) -> tuple[str, str]:
    """Return the folder that names a file's part and that of its class, "" if none.

    Args:
        file: a POSIX path below the data set.
        classes: the class of each folder that params.yaml names.
        below: whether parts lie below classes, as in yes/train, rather than above.
    """
    first, second = (*file.split("/")[:-1], "", "")[:2]
    if below:
        return second, first
    if normal(first) in PART_OF and first not in classes:
        return first, second
    return "", first
