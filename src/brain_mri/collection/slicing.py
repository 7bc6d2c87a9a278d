"""Write slices of volumes as images, and tell which volumes are of one patient."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from brain_mri.collection.file_names import stem, subject, without_sequence
from brain_mri.errors import printable
from brain_mri.files.png import write_png
from brain_mri.imaging import dicom_files, volumes
from brain_mri.imaging.decoded import ImageError
from brain_mri.imaging.decoding import decode

BY_FILE = "file:"  # begins the key of a patient whom the file itself names


@dataclass(frozen=True)
class Sliced:
    """Hold a volume whose slices were written.

    slices: their files, as POSIX paths below the data set.
    patient: a key that volumes of one patient share, in memory only.
    rule: what told the patient, in words.
    """

    file: str
    slices: tuple[str, ...]
    patient: str
    rule: str


def write(
    root: Path, files: Sequence[str], count: int, copy: Path
) -> tuple[list[Sliced], dict[str, str]]:
    """Write `count` slices of each volume as PNG into a folder named like the volume.

    Args:
        root: the folder of the volumes.
        files: the volumes, as POSIX paths below it.
        count: slices of each volume, at most.
        copy: the folder that the slices go to.

    Returns:
        The volumes, and the reason for each that cannot be read, by its escaped path.

    Raises:
        InputError: a slice cannot be written.
    """
    sliced: list[Sliced] = []
    unread: dict[str, str] = {}
    for file in files:
        try:
            volume = volumes.read(root / file, count)
        except ImageError as error:
            unread[printable(file)] = str(error)
            continue
        names = []
        for number, grey in volume.slices:
            names.append(f"{file}/slice-{number:03d}.png")
            write_png(copy / names[-1], grey)
        sliced.append(Sliced(file, tuple(names), *_patient(file, volume.patient)))
    return sliced, unread


def beside_volumes(
    root: Path, files: Sequence[str], sliced: Sequence[Sliced]
) -> dict[str, str]:
    """Return the key of the patient of each DICOM image, if a volume may share it.

    The audit knows such an image by its PatientID, but slices have none.
    """
    if not any(one.patient.startswith(BY_FILE) for one in sliced):
        return {}
    found = {file: _named_by(root / file) for file in files}
    return {file: f"{BY_FILE}{patient}" for file, patient in found.items() if patient}


def with_slices(
    table: pd.DataFrame,
    files: Sequence[str],
    sliced: Sequence[Sliced],
    images: Mapping[str, str],
) -> pd.DataFrame:
    """Replace the row of each volume by rows of its slices; columns as `table`'s.

    A volume without a patient gets a numbered pseudonym, `p001`..., the same for all
    volumes and images of the patient; the column `volume` is numbered likewise. A
    volume without slices has no row.

    Args:
        table: the data set's own table, with a row per file.
        files: the volumes.
        sliced: those whose slices were written.
        images: the key of the patient of other files, as `beside_volumes` returns it.
    """
    known = set(table["patient"])
    patients: dict[str, str] = {}
    table = table if "volume" in table else table.assign(volume="")
    rows: list[pd.DataFrame] = []
    for number, one in enumerate(sliced, start=1):
        [row] = table[table["file"] == one.file].to_dict("records")
        row["volume"] = f"v{number:03d}"
        row["patient"] = row["patient"] or patients.get(one.patient) or _free(known)
        patients.setdefault(one.patient, row["patient"])
        known.add(row["patient"])
        rows.append(pd.DataFrame([row | {"file": name} for name in one.slices]))
    rest = table[~table["file"].isin(list(files))]
    of_volume = rest["file"].map(images).map(patients).fillna("")
    rest = rest.assign(patient=rest["patient"].mask(rest["patient"] == "", of_volume))
    return pd.concat([rest, *rows]).sort_values("file", ignore_index=True)


def told(table: pd.DataFrame, sliced: Sequence[Sliced]) -> str:
    """Return one line that counts volumes, slices and patients, with their rules.

    Args:
        table: the data set's own table before the slices.
        sliced: at least one volume.
    """
    given = set(table.loc[table["patient"] != "", "file"])
    rules = Counter("given" if one.file in given else one.rule for one in sliced)
    counts = sorted({len(one.slices) for one in sliced})
    each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{len(sliced)} volumes, {each} slices each; their patients: " + ", ".join(
        f"{n} {rule}" for rule, n in sorted(rules.items())
    )


def _patient(file: str, known: str) -> tuple[str, str]:
    """Return a key of the volume's patient, and the rule that gave it."""
    if known:
        return f"{BY_FILE}{known}", "by the file's own PatientID"
    if found := subject(file):
        return f"subject:{found}", "by BIDS subject"
    folder, _, name = file.rpartition("/")
    return f"name:{folder}/{without_sequence(stem(name))}", "by name without sequence"


def _named_by(path: Path) -> str:
    """Return the patient that a DICOM image names, as in `Decoded`; "" of others."""
    try:
        with path.open("rb") as stream:
            if dicom_files.completed(stream.read(dicom_files.START)) is None:
                return ""
        return decode(path).patient
    except (ImageError, OSError):  # the audit says why
        return ""


def _free(known: set[str]) -> str:
    number = 1
    while f"p{number:03d}" in known:
        number += 1
    return f"p{number:03d}"
