"""Examine every file: is it a usable image, and which images belong together?"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.collection import junk, table
from brain_mri.collection.classes import check_folders, label_of
from brain_mri.collection.listing import LEFT_OUT, left_out_before, list_files, odd
from brain_mri.collection.table import Entry
from brain_mri.dataset import subgroups
from brain_mri.dataset.candidates import fingerprint
from brain_mri.dataset.duplicates import duplicate_pairs
from brain_mri.dataset.joining import PICTURE, chains, conflicts, joined_ids
from brain_mri.errors import InputError, printable
from brain_mri.files.image_ids import image_ids, pixel_hash
from brain_mri.files.names import CLASSES
from brain_mri.imaging.decoded import SALT, ImageError
from brain_mri.imaging.decoding import decode
from brain_mri.progress import map_images

MAX_LISTED = 10  # rejected files in an error
EXCLUDED = "excluded by a person: "
IGNORED = "ignored: "  # never part of the collection
UNNAMED = "in no folder that classes names in params.yaml"


@dataclass(frozen=True)
class Audit:
    """Hold the manifest, one row per file, and the pairs of images of one patient.

    manifest: image_id, file, label, picture, patient, accepted, reason, sha256 (of the
        bytes), pixels_sha256 (of the grey levels), bytes, format, mode, width, height,
        box (a person's, as `x0 y0 x1 y1`), given (the part given by people), and the
        columns of `subgroups`; sorted by file. Files that are not accepted have empty
        ids.
    pairs: first, second (image ids), kind (`exact`: identical pixels; `near`: copies of
        one picture; `volume`: slices of one patient, whose label is of the volume;
        `patient`: of one patient, by the table or the PatientID of DICOM files).
    """

    manifest: pd.DataFrame
    pairs: pd.DataFrame


@dataclass(frozen=True)
class _Facts:
    """Hold what is known of one file, without its pixels."""

    file: str
    label: str
    sha256: str = ""
    bytes: int = 0
    reason: str = ""
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    pixels: str = ""  # SHA-256
    fingerprint: npt.NDArray[np.uint64] | None = None
    entry: Entry = Entry("")
    patient: str = ""  # a pseudonym of this audit, never written


def audit(
    folder: Path, folders: Mapping[str, str], entries: Mapping[str, Entry]
) -> Audit:
    """Audit every file below `folder`.

    An image id is the first 12 hex digits of the SHA-256 of the file's bytes; further
    files of the same bytes get `-2`, `-3`. All copies of one image are one picture,
    named after its lowest image id. All slices of a patient's labelled volumes are one
    picture too, since not every slice shows what the label says. A patient is named
    after the lowest image id of his or her pictures; a picture of no known patient
    counts as a patient of its own.

    Args:
        folder: the folder of the data set.
        folders: the class, no or yes, of each folder in it; used for files whose
            entry has no label.
        entries: what people know, by file.

    Raises:
        InputError: a folder is missing and no entry has a label, a class has no usable
            image, or an entry does not fit the files.
    """
    facts = _examine(folder, folders, entries)
    good = [fact for fact in facts if not fact.reason]
    _check_classes(folder, facts)
    ids = image_ids([fact.sha256 for fact in good])
    pairs, kinds = _pairs(folder, good)
    pictures = joined_ids(ids, pairs[np.isin(kinds, PICTURE)])
    names = zip(ids, pictures, joined_ids(ids, pairs), strict=True)
    named = {fact.file: name for fact, name in zip(good, names, strict=True)}
    first, second = ([ids[i] for i in ends] for ends in pairs.T)
    groups = subgroups.columns(entries)
    return Audit(
        pd.DataFrame(
            [_row(fact, *named.get(fact.file, ("", "", "")), groups) for fact in facts]
        ),
        pd.DataFrame({"first": first, "second": second, "kind": kinds}),
    )


def summary(audited: Audit) -> dict[str, int]:
    """Count files, classes, decisions of a person, copies, pictures and patients."""
    manifest = audited.manifest
    accepted = manifest[manifest["accepted"]]
    copies = accepted["picture"].value_counts()
    of_patients = accepted.groupby("patient")
    return {
        "files": len(manifest),
        "accepted": len(accepted),
        "rejected": len(rejected(manifest)),
        "excluded": int(begins(manifest, EXCLUDED).sum()),
        "ignored": int(begins(manifest, IGNORED).sum()),
        "corrected_boxes": int((accepted["box"] != "").sum()),
        "no": int((accepted["label"] == "no").sum()),
        "yes": int((accepted["label"] == "yes").sum()),
        "exact_duplicate_pairs": int((audited.pairs["kind"] == "exact").sum()),
        "near_duplicate_pairs": int((audited.pairs["kind"] == "near").sum()),
        "volume_pairs": int((audited.pairs["kind"] == "volume").sum()),
        "pictures": len(copies),
        "pictures_of_several_images": int((copies > 1).sum()),
        "patients": of_patients.ngroups,
        "patients_of_several_pictures": int(
            (of_patients["picture"].nunique() > 1).sum()
        ),
        "patients_across_classes": int((of_patients["label"].nunique() > 1).sum()),
        "label_conflicts": len(conflicts(manifest)),
    }


def rejected(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of unusable files, neither excluded by a person nor ignored."""
    explained = begins(manifest, EXCLUDED) | begins(manifest, IGNORED)
    return manifest[~manifest["accepted"] & ~explained]


def begins(manifest: pd.DataFrame, reason: str) -> pd.Series:
    """Return which rows have a reason that begins with `EXCLUDED` or `IGNORED`."""
    return manifest["reason"].str.startswith(reason)


def check_rejected(manifest: pd.DataFrame, max_rejected: float) -> None:
    """Refuse a data set in which too large a share of the files is unusable.

    Raises:
        InputError: the share is larger than `max_rejected`; ten files are named.
    """
    lost = rejected(manifest)
    files = int((~begins(manifest, IGNORED)).sum())
    if len(lost) > max_rejected * files:
        named = "; ".join(
            f"{printable(row.file)}: {row.reason}"
            for row in lost.head(MAX_LISTED).itertuples()
        )
        raise InputError(
            f"{len(lost)} of {files} files ({len(lost) / files:.3f}) "
            "cannot be used, more than audit.max_rejected allows in params.yaml "
            f"({max_rejected}): {named}"
        )


def _examine(
    folder: Path, folders: Mapping[str, str], entries: Mapping[str, Entry]
) -> list[_Facts]:
    """Examine every file and list those that `brain-mri add` left out, by name."""
    if not any(entry.label for entry in entries.values()):
        check_folders(folder, folders)
    files = [file for file in list_files(folder) if file != LEFT_OUT]
    reasons = left_out_before(folder)
    lost = sorted(set(reasons) - set(files))
    ignored = junk.ignored(folder, files)
    known = table.by_file(entries, {*files, *lost})

    def named(file: str) -> _Facts:
        entry = known.get(file, Entry(""))
        label = table.label(entry, folders) or label_of(file, folders)
        why = ignored.get(file, "" if label else UNNAMED)
        return _Facts(file, label, entry=entry, reason=f"{IGNORED}{why}" if why else "")

    facts = map_images(
        partial(_look, folder, SALT), [named(file) for file in files], "read"
    )
    facts += [_refused(named(file), reasons[file]) for file in lost]
    return sorted(facts, key=lambda fact: fact.file)


def _look(folder: Path, salt: bytes, seen: _Facts) -> _Facts:
    """Read one file and add the facts about its content."""
    path = folder / seen.file
    if seen.reason:
        return _refused(seen, seen.reason)
    if reason := odd(path, folder):
        return _refused(seen, reason)
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        seen = replace(seen, sha256=sha256, bytes=path.stat().st_size)
    except OSError as error:
        return _refused(seen, f"cannot be read: {error.strerror}")
    if seen.entry.excluded:
        return _refused(seen, "")
    try:
        image = decode(path, salt)
    except ImageError as error:
        return _refused(seen, str(error))
    height, width = image.grey.shape
    table.check_box(seen.entry, width, height)
    return replace(
        seen,
        format=image.format,
        mode=image.mode,
        width=width,
        height=height,
        pixels=pixel_hash(image.grey),
        fingerprint=fingerprint(image.grey),
        patient=image.patient,
    )


def _refused(seen: _Facts, reason: str) -> _Facts:
    """Add the reason why a file is not used; a person's reason takes precedence."""
    decided = seen.entry.excluded
    return replace(seen, reason=f"{EXCLUDED}{decided}" if decided else reason)


def _check_classes(folder: Path, facts: Sequence[_Facts]) -> None:
    for label in CLASSES:
        mine = [fact for fact in facts if fact.label == label]
        if not any(not fact.reason for fact in mine):
            why = f"; {printable(mine[0].file)}: {mine[0].reason}" if mine else ""
            raise InputError(
                f"{folder}: expected usable images of class {label}, found none among "
                f"{len(mine)} files{why}"
            )


def _pairs(
    folder: Path, good: Sequence[_Facts]
) -> tuple[npt.NDArray[np.intp], list[str]]:
    """List the pairs of images that belong together, shape (m, 2), and their kinds."""
    pictures = duplicate_pairs(
        [fact.pixels for fact in good],
        np.stack([fact.fingerprint for fact in good if fact.fingerprint is not None]),
        lambda i: _decode_again(folder / good[i].file),
    )
    kinds = [_kind(good[i], good[j]) for i, j in pictures.tolist()]
    joined = [
        ("volume", [_unit(fact) for fact in good]),
        ("patient", [fact.entry.patient for fact in good]),
        ("patient", [fact.patient for fact in good]),
    ]
    found = dict(zip(map(tuple, pictures.tolist()), kinds, strict=True))
    for kind, keys in joined:
        for pair in map(tuple, chains(keys).tolist()):
            found.setdefault(pair, kind)  # earlier kinds take precedence
    return np.array([*found], np.intp).reshape(-1, 2), [*found.values()]


def _kind(one: _Facts, other: _Facts) -> str:
    """Return the kind of a pair of similar images; slices of one unit are no copies."""
    if _unit(one) and _unit(one) == _unit(other):
        return "volume"
    return "exact" if one.pixels == other.pixels else "near"


def _unit(fact: _Facts) -> str:
    """Name the unit of a label that is of a volume: the patient's; "" without one."""
    volume = fact.entry.volume
    return f"{fact.label} {fact.entry.patient or volume}" if volume else ""


def _decode_again(path: Path) -> npt.NDArray[np.uint8]:
    try:
        return decode(path).grey
    except ImageError as error:
        raise InputError(f"{printable(str(path))}: {error}") from error


def _row(
    fact: _Facts, image_id: str, picture: str, patient: str, groups: Sequence[str]
) -> dict[str, object]:
    others = fact.entry.others
    return {
        "image_id": image_id,
        "file": fact.file,
        "label": fact.label,
        "picture": picture,
        "patient": patient,
        "accepted": not fact.reason,
        "reason": fact.reason,
        "sha256": fact.sha256,
        "pixels_sha256": fact.pixels,
        "bytes": fact.bytes,
        "format": fact.format,
        "mode": fact.mode,
        "width": fact.width,
        "height": fact.height,
        "box": "" if fact.reason else table.written(fact.entry.box),
        "given": "" if fact.reason else fact.entry.part,
        **{f"{subgroups.PREFIX}{name}": others.get(name, "") for name in groups},
    }
