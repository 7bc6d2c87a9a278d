"""Assign every patient to one part: train, val or test."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.dataset import given
from brain_mri.errors import InputError
from brain_mri.files.names import CLASSES, LEAKED, PARTS

SIMULATIONS = 2000  # random splits


def split(
    manifest: pd.DataFrame,
    crops: pd.DataFrame,
    *,
    test_size: float,
    val_size: float,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Assign every image to one part and count the result.

    Args:
        manifest: the audit's table.
        crops: columns image_id, label and file (of the crop).
        test_size, val_size, seed: see `assign_parts`.

    Returns:
        The split, one row per image, sorted by image_id: the columns of `crops`,
        picture, patient, given, y_true and part (see `given.without_leaks`); and the
        counts for `metrics/split_counts.csv`.

    Raises:
        InputError: see `assign_parts`.
    """
    images = labelled(manifest, crops)
    images["part"] = assign_parts(
        images,
        given.of_patients(images),
        test_size=test_size,
        val_size=val_size,
        seed=seed,
    )
    images = given.without_leaks(images)
    counts = summary(images) | {"given": given.summary(images)}
    n_test = int((images["part"] == "test").sum())
    counts["random_split"] = random_split(images["patient"], n_test, seed)
    return images, counts


def labelled(manifest: pd.DataFrame, crops: pd.DataFrame) -> pd.DataFrame:
    """Return the crops' table with picture, patient, given and y_true of each image.

    Sorted by image_id, so that no later step depends on file names.

    Args:
        manifest: the audit's table.
        crops: columns image_id, label and file (of the crop).
    """
    accepted = manifest[manifest["accepted"]]
    known = accepted[["image_id", "picture", "patient", "given"]]
    images = crops.merge(known, validate="1:1")
    images["y_true"] = images["label"].map(CLASSES.index)
    return images.sort_values("image_id", ignore_index=True)


def told(counts: Mapping[str, Any]) -> Iterator[str]:
    """Report the counts of `split` in lines of text."""
    blind = counts["random_split"]
    yield (
        f"{counts['patients_shared']} patients shared between parts; in a random "
        f"split, {blind['leaked_mean']} of {blind['test_images']} test images would "
        "have a copy, or another image of the patient, outside the test part"
    )
    found = counts["given"]
    if leaked := found["leaked_test"]:
        yield (
            f"of the {found['test']} images given for test, {leaked} show a picture or "
            "a patient that training or validation holds: the verdict leaves them out"
        )
    if leaked := found["leaked_val"]:
        yield f"{leaked} images given for validation are left out, as training has them"
    for part in PARTS:
        yield f"{part} {counts[part]}"


def assign_parts(
    images: pd.DataFrame,
    kept: Mapping[str, str],
    *,
    test_size: float,
    val_size: float,
    seed: int,
) -> npt.NDArray[np.str_]:
    """Return the part of every image; no patient is divided between parts.

    Patients with a given part keep it; if parts are given and none is val, some of the
    training patients become val. The other patients of a class are taken in a random
    order, and each goes to the part that is furthest below its share of the pictures.
    The order is that of a hash of seed and patient, so it depends on no file name, no
    listing and no other image.

    Args:
        images: columns picture, patient and y_true (0 or 1).
        kept: the given part of each patient that has one.
        test_size: share of the pictures for test, in (0, 1).
        val_size: share of the remaining pictures for validation, in (0, 1).
        seed: seed of the order of the patients.

    Returns:
        The part of each image, one of PARTS, shape (n,).

    Raises:
        InputError: a class has too few patients for three parts.
    """
    patients = images.groupby("patient").agg(
        pictures=("picture", "nunique"), tumours=("y_true", "mean")
    )
    rank = {patient: _rank(seed, patient) for patient in patients.index}
    part_of: dict[str, str] = {}
    for label in (0, 1):
        # a patient with pictures of both classes is stratified by the majority
        members = patients[(patients["tumours"] >= 0.5) == bool(label)]
        ordered = members.loc[sorted(members.index, key=lambda name: rank[name])]
        shares = _shares(test_size, val_size)
        mine = _fill(ordered["pictures"], shares, kept)
        members_of = images.loc[images["y_true"] == label, "patient"]
        _check_filled(mine, label, members_of, bool(kept))
        part_of |= mine
    return images["patient"].map(part_of).to_numpy(dtype=np.str_)


def shared_patients(patient: npt.ArrayLike, part: npt.ArrayLike) -> int:
    """Count the patients that lie in more than one part."""
    table = pd.DataFrame({"patient": np.asarray(patient), "part": np.asarray(part)})
    return int((table.groupby("patient")["part"].nunique() > 1).sum())


def summary(split: pd.DataFrame) -> dict[str, object]:
    """Count images, pictures and patients in every part, and patients in two parts.

    `leaked` counts those given for test.

    Args:
        split: columns picture, patient, y_true, given and part.

    Raises:
        InputError: a patient lies in two parts.
    """
    used = split[split["part"] != LEAKED]
    shared = shared_patients(used["patient"], used["part"])
    if shared:
        raise InputError(
            f"{shared} patients lie in more than one part: this would leak"
        )
    counts: dict[str, object] = {"patients_shared": shared}
    for part in (*PARTS, LEAKED):
        rows = given.members(split, part)
        counts[part] = {
            "images": len(rows),
            "pictures": int(rows["picture"].nunique()),
            "patients": int(rows["patient"].nunique()),
            "no": int((rows["y_true"] == 0).sum()),
            "yes": int((rows["y_true"] == 1).sum()),
        }
    return counts


def random_split(patient: npt.ArrayLike, n_test: int, seed: int) -> dict[str, float]:
    """Simulate the leakage of random splits that ignore copies and patients.

    Args:
        patient: the patient of every image, shape (n,).
        n_test: number of test images.
        seed: seed of the simulation.

    Returns:
        Over `simulations` splits, the number of test images with another image of their
        patient outside the test part (mean, 5th and 95th percentile), and the share of
        splits without such an image.
    """
    codes = np.sort(np.unique(np.asarray(patient), return_inverse=True)[1])
    sizes = np.bincount(codes)
    rng = np.random.default_rng(seed)
    leaked = np.empty(SIMULATIONS, np.int64)
    for i in range(SIMULATIONS):
        test = codes[rng.permutation(len(codes))[:n_test]]
        outside = sizes - np.bincount(test, minlength=len(sizes))
        leaked[i] = np.count_nonzero(outside[test])
    low, high = np.percentile(leaked, (5, 95))
    return {
        "simulations": SIMULATIONS,
        "test_images": n_test,
        "leaked_mean": round(float(leaked.mean()), 2),
        "leaked_p05": round(float(low), 2),
        "leaked_p95": round(float(high), 2),
        "share_without_leak": round(float((leaked == 0).mean()), 4),
    }


def _shares(test_size: float, val_size: float) -> dict[str, float]:
    rest = 1 - test_size
    return {"train": rest * (1 - val_size), "val": rest * val_size, "test": test_size}


def _rank(seed: int, patient: str) -> str:
    return hashlib.sha256(f"{seed}:{patient}".encode()).hexdigest()


def _fill(
    sizes: pd.Series, shares: dict[str, float], kept: Mapping[str, str]
) -> dict[str, str]:
    """Assign each patient, in order, to the part that is furthest below its share."""
    undecided = "train" if given.lacks_val(kept) else ""
    part_of = {
        str(name): kept[name]
        for name in sizes.index
        if kept.get(name, undecided) != undecided
    }
    pictures = dict.fromkeys(PARTS, 0)
    for name, part in part_of.items():
        pictures[part] += sizes[name]
    for name, size in sizes.drop(list(part_of)).items():
        open_to = ("train", "val") if name in kept else PARTS
        part = min(open_to, key=lambda part: pictures[part] / shares[part])
        part_of[str(name)] = part
        pictures[part] += size
    return part_of


def _check_filled(
    part_of: Mapping[str, str], label: int, patient: pd.Series, given_parts: bool
) -> None:
    """Refuse a class that leaves a part empty; `patient`: that of each image."""
    empty = [part for part in PARTS if part not in part_of.values()]
    if empty and given_parts:
        raise InputError(
            f"class {CLASSES[label]!r}: the parts in the data set's table leave "
            f"no patient for {', '.join(empty)}; a patient or picture counts for the "
            "earliest of its parts. Correct the column part, or empty it for a new "
            "split"
        )
    if empty:
        raise InputError(
            f"class {CLASSES[label]!r} has {len(part_of)} distinct pictures or "
            f"patients, too few for parts {', '.join(PARTS)} at these sizes "
            f"({', '.join(empty)} would be empty): add images, or change "
            f"split.test_size or split.val_size in params.yaml{_crowd(patient)}"
        )


def _crowd(patient: pd.Series) -> str:
    """Explain how to proceed if one patient has most images of a class."""
    sizes = patient.value_counts()
    if len(patient) < 2 or sizes.iloc[0] <= len(patient) / 2:
        return ""
    return (
        f". Patient {sizes.index[0]} alone has {sizes.iloc[0]} of its {len(patient)} "
        "images (data/manifest.csv names them). If they are not of one patient, their "
        "DICOM files may share one PatientID, or the data set's table may give them "
        "one patient; give each patient a separate one, or none"
    )
