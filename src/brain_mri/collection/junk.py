"""Find files that belong to no collection: left by systems, hidden, copies, masks."""

import filecmp
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from brain_mri.collection.file_names import named_like_image, stem, without_sequence
from brain_mri.errors import printable

MAC, WINDOWS, NAS = "left by macOS", "left by Windows", "left by a NAS"
HIDDEN = "a hidden file"
INNER_COPY = "an inner copy of the collection"
MASK = "a mask of "
MASKS = "beside images, as masks"
TOLD = {HIDDEN: "hidden", INNER_COPY: "in an inner copy of the collection"}

LEFT_BY = {"__macosx": MAC, ".ds_store": MAC, "icon\r": MAC}
LEFT_BY |= {"thumbs.db": WINDOWS, "ehthumbs.db": WINDOWS, "desktop.ini": WINDOWS}
LEFT_BY |= {"$recycle.bin": WINDOWS, "@eadir": NAS, "#recycle": NAS}

MASKED = re.compile(r"(.+)[-_](?:mask|seg|segmentation|labels?)", re.IGNORECASE)


def ignored(folder: Path, files: Sequence[str]) -> dict[str, str]:
    """Return the reason for each file that belongs to no collection.

    These are files that systems leave behind, hidden files, an inner copy of the
    collection, and masks beside the images that they belong to.

    Args:
        folder: the collection.
        files: its files, as POSIX paths below it.
    """
    found = {file: reason for file in files if (reason := _left_by(file))}
    rest = [file for file in files if file not in found]
    found |= dict.fromkeys(_inner_copies(folder, rest), INNER_COPY)
    return found | _masks([file for file in rest if file not in found])


def told(reasons: Iterable[str]) -> str:
    """Return one line that counts the ignored files by their reasons."""
    counts = Counter(
        MASKS if reason.startswith(MASK) else TOLD.get(reason, reason)
        for reason in reasons
    )
    files = f"{counts.total()} file{'s' if counts.total() > 1 else ''}"
    return f"ignored {files}: " + ", ".join(
        f"{count} {reason}" for reason, count in sorted(counts.items())
    )


def _left_by(file: str) -> str:
    for name in file.split("/"):
        if name.startswith("._"):
            return MAC
        if reason := LEFT_BY.get(
            name.lower(), HIDDEN if name[:1] == "." != name else ""
        ):
            return reason
    return ""


def _inner_copies(folder: Path, files: Sequence[str]) -> set[str]:
    """Return the files below folders that only repeat the folder they are in.

    The public Kaggle archive holds `brain_tumor_dataset/{no,yes}` beside `no` and
    `yes`.
    """
    below: defaultdict[str, list[str]] = defaultdict(list)
    for file in files:
        for parent in PurePosixPath(file).parents:
            below[parent.as_posix()].append(file)
    below.pop(".", None)
    known = set(files)
    copies: set[str] = set()
    for inner, members in sorted(below.items()):
        outer = {file: _outside(file, inner) for file in members}
        if known.issuperset(outer.values()) and _same(folder, outer):
            copies |= set(members)
    return copies


def _outside(file: str, inner: str) -> str:
    """Return where a file below `inner` would lie in the folder that `inner` is in."""
    return (PurePosixPath(inner).parent / file[len(inner) + 1 :]).as_posix()


def _same(folder: Path, pairs: Mapping[str, str]) -> bool:
    # Sizes first. Images without compression may have one size and other pixels.
    with suppress(OSError):
        return all(
            (folder / one).stat().st_size == (folder / other).stat().st_size
            for one, other in pairs.items()
        ) and all(
            filecmp.cmp(folder / one, folder / other, shallow=False)
            for one, other in pairs.items()
        )
    return False


def _masks(files: Sequence[str]) -> dict[str, str]:
    """Return `a mask of x.png` for x_mask.png beside x.png, and the like.

    `x_seg.nii.gz` is also the mask of volumes of x by sequence, such as x_t1.nii.gz.
    """
    images: dict[tuple[str, str], str] = {}
    masks: list[tuple[str, str, str]] = []
    for file in sorted(files):
        parent, _, name = file.rpartition("/")
        if not named_like_image(name):
            continue
        if match := MASKED.fullmatch(stem(name)):
            masks.append((file, parent, match[1]))
        for of in (stem(name), without_sequence(stem(name))):
            images.setdefault((parent, of), name)
    return {
        file: f"{MASK}{printable(images[parent, of])}"
        for file, parent, of in masks
        if (parent, of) in images
    }
