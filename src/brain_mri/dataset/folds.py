"""Divide the pictures into folds for cross-validation, and list the runs to train."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.config import Crossval
from brain_mri.errors import InputError
from brain_mri.files import arrays
from brain_mri.files.arrays import Part
from brain_mri.files.names import CLASSES

Mask = npt.NDArray[np.bool_]


class Run(NamedTuple):
    """One training of cross-validation: on all folds of a repeat but one."""

    repeat: int
    fold: int  # the fold held out
    share: int = 100  # % of the training patients
    seed: int = 0  # 0 of the ordinary training; others repeat it


def ordinary(crossval: Crossval) -> list[Run]:
    """List the runs of all folds of all repeats."""
    return [Run(r, f) for r in crossval.repeats for f in crossval.folds]


def shares(crossval: Crossval) -> list[Run]:
    """List the runs of the learning curve: fewer training patients, in repeat 1."""
    return [Run(1, f, share=s) for s in crossval.shares for f in crossval.folds]


def seeds(crossval: Crossval) -> list[Run]:
    """List the further trainings of fold 1 of repeat 1, with other seeds."""
    return [Run(1, 1, seed=s) for s in crossval.seeds]


def runs(crossval: Crossval) -> list[Run]:
    """List all runs."""
    return ordinary(crossval) + shares(crossval) + seeds(crossval)


def training_seed(seed: int, run: Run) -> int:
    """Mix the seed of params.yaml with a run's numbers to a seed in [0, 2**32).

    By NumPy's SeedSequence, so that no two runs share their first weights.
    """
    return int(np.random.SeedSequence([seed, *run]).generate_state(1)[0])


def assign_folds(
    images: pd.DataFrame, folds: int, seed: int, repeat: int
) -> npt.NDArray[np.int64]:
    """Return the fold of every image; no patient is divided between folds.

    The patients of a class are taken in a random order, and each goes to the fold that
    has the fewest pictures of the class so far, then to the smallest. The order is that
    of a hash of seed, repeat and patient, so it depends on no file name, no listing and
    no other image.

    Args:
        images: columns picture, patient and y_true (0 or 1), a row per image or
            variant of one.
        folds: number of folds.
        seed: seed of params.yaml.
        repeat: number of the repeat; each divides the patients anew.

    Returns:
        Fold numbers from 1 to `folds`, shape (n,).

    Raises:
        InputError: a class has fewer patients than there are folds.
    """
    fold_of: dict[str, int] = {}
    total = dict.fromkeys(range(1, folds + 1), 0)
    for label, patients in enumerate(_by_class(images, seed, repeat)):
        if len(patients) < folds:
            raise InputError(
                f"crossval.folds: class {CLASSES[label]!r} has {len(patients)} "
                f"distinct pictures or patients, too few for {folds} folds: add "
                "images, or shorten crossval.folds in params.yaml"
            )
        mine = dict.fromkeys(total, 0)
        for patient, pictures in patients.items():
            fold = min(mine, key=lambda f: (mine[f], total[f]))
            fold_of[str(patient)] = fold
            mine[fold] += pictures
            total[fold] += pictures
    return images["patient"].map(fold_of).to_numpy(dtype=np.int64)


def divide(images: pd.DataFrame, run: Run, folds: int, seed: int) -> tuple[Mask, Mask]:
    """Return which images a run trains on and which it holds out, shape (n,) each.

    A share below 100 % takes the first training patients of each class, in the order of
    `assign_folds`, so that a smaller share lies within a larger one.

    Raises:
        InputError: see `assign_folds`.
    """
    held = assign_folds(images, folds, seed, run.repeat) == run.fold
    patients = images["patient"]
    chosen: list[str] = []
    for ordered in _by_class(images[~held], seed, run.repeat):
        count = max(1, round(len(ordered) * run.share / 100))
        chosen += map(str, ordered.index[:count])
    return (patients.isin(chosen) & ~held).to_numpy(), held


def parts(views: Part, run: Run, folds: int, seed: int) -> tuple[Part, Part]:
    """Return the training part of a run, with variants, and the originals held out.

    Args:
        views: images, or features, of originals (column `variant` is 0) and variants.
        run, folds, seed: see `divide`.

    Raises:
        InputError: see `assign_folds`.
    """
    train, held = divide(views.index, run, folds, seed)
    return arrays.take(views, train), arrays.originals(arrays.take(views, held))


def _by_class(images: pd.DataFrame, seed: int, repeat: int) -> Iterator[pd.Series]:
    """Yield the number of pictures of each patient of a class, in random order."""
    patients = images.groupby("patient").agg(
        pictures=("picture", "nunique"), tumours=("y_true", "mean")
    )
    rank = {
        patient: hashlib.sha256(f"{seed}:{repeat}:{patient}".encode()).hexdigest()
        for patient in patients.index
    }
    ordered = patients.loc[sorted(patients.index, key=lambda name: rank[name])]
    for label in (0, 1):
        # a patient with pictures of both classes is stratified by the majority
        yield ordered.loc[(ordered["tumours"] >= 0.5) == bool(label), "pictures"]
