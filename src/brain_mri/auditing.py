"""Look at every file once: is it a usable image, and which others show the same?"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.duplicates import Grey, duplicate_pairs, fingerprint, group_labels
from brain_mri.errors import InputError
from brain_mri.images import CLASSES, ImageError, decode, list_files
from brain_mri.progress import map_threads

NAMED = 10  # label conflicts in an error
ID_DIGITS = 12  # 48 bits: two of 100,000 images collide with probability 2e-5


@dataclass(frozen=True)
class Audit:
    """Hold the manifest, a row per file, and the duplicates, a row per pair of files.

    manifest: image_id, file, label, group, accepted, reason, sha256, bytes, format,
        mode, width, height; sorted by file. Rejected files have empty ids.
    pairs: first, second (image ids), kind (`exact`: same pixels, `near`, or `patient`:
        other pictures of one patient, as DICOM files name him).
    """

    manifest: pd.DataFrame
    pairs: pd.DataFrame


@dataclass(frozen=True)
class _Facts:
    """Hold what is kept of one file: all but its pixels."""

    file: str
    sha256: str
    bytes: int
    reason: str = ""
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    pixels: str = ""  # SHA-256
    fingerprint: npt.NDArray[np.uint64] | None = None
    patient: str = ""  # means nothing outside this process, so it is never written


def audit(folder: Path) -> Audit:
    """Audit every file below `folder`, whose `no` and `yes` hold the two classes.

    An image id is the first 12 hex digits of the SHA-256 of the grey pixels, so it
    names a picture and not a file; further files of the same pixels get `-2`, `-3`.
    A group is named by the lowest image id in it: that image represents it.

    Raises:
        InputError: A folder is missing, or a class has no usable image.
    """
    files = list_files(folder)
    facts = map_threads(lambda file: _facts(folder, file), files, "read")
    good = [fact for fact in facts if not fact.reason]
    _check_classes(folder, facts)
    ids = _image_ids([fact.pixels for fact in good])
    pairs = duplicate_pairs(
        [fact.pixels for fact in good],
        np.stack([fact.fingerprint for fact in good if fact.fingerprint is not None]),
        lambda i: decode(folder / good[i].file).grey,
    )
    pairs, of_patient = _join_patients([fact.patient for fact in good], pairs)
    groups = _group_ids(ids, pairs)
    named = {
        fact.file: (name, group)
        for fact, name, group in zip(good, ids, groups, strict=True)
    }
    rows = [_row(fact, *named.get(fact.file, ("", ""))) for fact in facts]
    looks = [
        "exact" if good[i].pixels == good[j].pixels else "near"
        for i, j in pairs.tolist()
    ]
    kinds = np.where(of_patient, "patient", looks)
    return Audit(
        manifest=pd.DataFrame(rows),
        pairs=pd.DataFrame(
            {
                "first": [ids[i] for i in pairs[:, 0]],
                "second": [ids[j] for j in pairs[:, 1]],
                "kind": kinds,
            }
        ),
    )


def summary(audited: Audit) -> dict[str, int]:
    """Count files, classes, duplicates and groups."""
    manifest = audited.manifest
    accepted = manifest[manifest["accepted"]]
    by_group = accepted.groupby("group")["label"]
    return {
        "files": len(manifest),
        "accepted": len(accepted),
        "rejected": len(manifest) - len(accepted),
        "no": int((accepted["label"] == "no").sum()),
        "yes": int((accepted["label"] == "yes").sum()),
        "exact_duplicate_pairs": int((audited.pairs["kind"] == "exact").sum()),
        "near_duplicate_pairs": int((audited.pairs["kind"] == "near").sum()),
        "groups_of_several_images": int((by_group.size() > 1).sum()),
        "distinct_images": by_group.ngroups,
        "groups_across_classes": int((by_group.nunique() > 1).sum()),
    }


def conflicts(manifest: pd.DataFrame) -> dict[str, list[str]]:
    """Return, by group, the files of groups that span both classes.

    The same scan with and without a tumour: one of the two labels is wrong, and only a
    person can say which.
    """
    accepted = manifest[manifest["accepted"]]
    classes = accepted.groupby("group")["label"].transform("nunique")
    rows = accepted[classes > 1]
    return {str(group): sorted(files) for group, files in rows.groupby("group")["file"]}


def check_conflicts(found: Mapping[str, Sequence[str]]) -> None:
    """Refuse label conflicts, naming the first ten.

    Raises:
        InputError: there is one.
    """
    if found:
        named = "; ".join(" and ".join(files) for files in list(found.values())[:NAMED])
        raise InputError(
            f"{len(found)} scans are labelled both no and yes: {named}. Correct or "
            "remove the files, or set audit.label_conflicts to keep in params.yaml"
        )


def _label(file: str) -> str:
    top, _, rest = file.partition("/")
    return top if rest and top in CLASSES else ""


def _facts(folder: Path, file: str) -> _Facts:
    path = folder / file
    if not path.is_file():
        return _Facts(file, "", 0, reason="not a regular file")
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    size = path.stat().st_size
    if not _label(file):
        return _Facts(file, sha256, size, reason="outside no/ and yes/")
    try:
        image = decode(path)
    except ImageError as error:
        return _Facts(file, sha256, size, reason=str(error))
    height, width = image.grey.shape
    return _Facts(
        file=file,
        sha256=sha256,
        bytes=size,
        format=image.format,
        mode=image.mode,
        width=width,
        height=height,
        pixels=_pixel_hash(image.grey),
        fingerprint=fingerprint(image.grey),
        patient=image.patient,
    )


def _join_patients(
    patients: Sequence[str], pairs: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Chain the images of each patient, and tell which pairs that has added."""
    mine: defaultdict[str, list[int]] = defaultdict(list)
    for i, patient in enumerate(patients):
        if patient:
            mine[patient].append(i)
    chains = {pair for chain in mine.values() for pair in pairwise(chain)}
    added = sorted(chains - {(i, j) for i, j in pairs.tolist()})
    joined = np.concatenate([pairs, np.array(added, np.intp).reshape(-1, 2)])
    return joined, np.arange(len(joined)) >= len(pairs)


def _pixel_hash(grey: Grey) -> str:
    # The shape too: a 2 x 8 and a 4 x 4 image have the same bytes in a row.
    shape = f"{grey.shape[0]}x{grey.shape[1]}:".encode()
    return hashlib.sha256(shape + np.ascontiguousarray(grey).tobytes()).hexdigest()


def _check_classes(folder: Path, facts: Sequence[_Facts]) -> None:
    for name in CLASSES:
        mine = [fact for fact in facts if _label(fact.file) == name]
        if not any(not fact.reason for fact in mine):
            why = f"; {mine[0].file}: {mine[0].reason}" if mine else ""
            raise InputError(
                f"{folder / name}: expected usable images, found none among "
                f"{len(mine)} files{why}"
            )


def _image_ids(pixel_hashes: Sequence[str]) -> list[str]:
    """Shorten the hashes to ids; the second, third... of one id gets -2, -3..."""
    seen: defaultdict[str, int] = defaultdict(int)
    ids = []
    for digest in pixel_hashes:
        short = digest[:ID_DIGITS]
        seen[short] += 1
        ids.append(short if seen[short] == 1 else f"{short}-{seen[short]}")
    return ids


def _group_ids(ids: Sequence[str], pairs: npt.NDArray[np.intp]) -> list[str]:
    """Name each image's group by the lowest id in it."""
    labels = group_labels(len(ids), pairs).tolist()
    lowest: dict[int, str] = {}
    for label, name in zip(labels, ids, strict=True):
        lowest[label] = min(name, lowest.get(label, name))
    return [lowest[label] for label in labels]


def _row(fact: _Facts, image_id: str, group: str) -> dict[str, object]:
    return {
        "image_id": image_id,
        "file": fact.file,
        "label": _label(fact.file),
        "group": group,
        "accepted": not fact.reason,
        "reason": fact.reason,
        "sha256": fact.sha256,
        "bytes": fact.bytes,
        "format": fact.format,
        "mode": fact.mode,
        "width": fact.width,
        "height": fact.height,
    }
