"""Measure the rule of the cross-validation: errors, power, secondary probabilities.

Two linear learners see features of their own of the same pictures. With the same signal
they are exchangeable, so their true difference is 0; another signal of the second sets
a difference. Every data set is new, and both are trained anew on every fold. One
promise is checked: two equal learners are told apart in at most 6.5 %.

    python benchmarks/crossval.py [--draws N] [--seed S] [--csv FILE]

Prints four tables; FILE gets all of them. Ends with status 1 and the broken promises,
if there are any.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import nct, norm, t
from tqdm import tqdm

from brain_mri.evidence.corrected import Corrected, corrected
from brain_mri.evidence.paired import false_claim

MOST_ERRORS = 0.065
REPEATS, FOLDS = 3, 5
RATIO = 1 / (FOLDS - 1)
RIDGE = 1.0  # added to the diagonal
LENGTH = 0.72  # of the signal: accuracy 0.75 with 8 features and 160 pictures
DIFFERENCES = (0.05, 0.10, 0.15)
SPREAD = 0.06  # standard deviation of each learner's signal where differences are drawn
ROPE = 0.02
BINS = (0, 0.05, 0.1, 0.2, 0.3, 0.5, 1)  # of a stated probability
SHARES = (0.25, 0.5, 1.0)
BATCH = 50  # data sets at once
TRAININGS = 2000  # whose mean accuracy is the true one

Array = npt.NDArray[np.float64]
Row = dict[str, object]


class Setting(NamedTuple):
    """Hold what data sets are drawn from.

    patients: number; pictures: of each patient; features: of each learner; likeness:
    correlation of the learners' features within a class; length: of the signal.
    """

    patients: int = 200
    pictures: int = 1
    features: int = 8
    likeness: float = 0.5
    length: float = LENGTH


class Folds(NamedTuple):
    """Hold the results of data sets in batches.

    right: (draws, 2, REPEATS, FOLDS, m), whether a learner is right on a picture.
    areas: (draws, 2, REPEATS, FOLDS), AUROC.
    """

    right: npt.NDArray[np.bool_]
    areas: Array


# With 60 features to 160 pictures a learner depends much on its training pictures.
EQUAL = (
    Setting(),
    Setting(likeness=0.0),
    Setting(likeness=0.9),
    Setting(length=1.7),
    Setting(features=60, length=1.1),
    Setting(pictures=3),
    Setting(patients=30, pictures=3),
    Setting(patients=100),
    Setting(patients=40),
    Setting(patients=20),
)


def drawn(setting: Setting, lengths: Array, rng: np.random.Generator) -> Array:
    """Draw the features that both learners see; every second patient has a tumour.

    Args:
        setting: patients, pictures, features and likeness.
        lengths: shape (draws, 2), the length of the shift of a learner's features.
        rng: random numbers.

    Returns:
        Shape (draws, 2, patients, pictures, features + 1), the last feature is 1.
    """
    patients, pictures, features, r, _ = setting
    y = np.where(np.arange(patients) % 2, 1.0, -1.0)
    shape = (len(lengths), patients, pictures, features)
    first, own = _noise(shape, rng), _noise(shape, rng)
    noise = np.stack([first, r * first + np.sqrt(1 - r**2) * own], axis=1)
    shift = lengths[:, :, None] * y / np.sqrt(features)
    x = noise + shift[..., None, None]
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return standard normal numbers; half of the variance is the patient's."""
    if shape[2] == 1:
        return rng.normal(size=shape)
    of_patient = rng.normal(size=(*shape[:2], 1, shape[3]))
    return np.sqrt(0.5) * (of_patient + rng.normal(size=shape))


def divided(draws: int, patients: int, rng: np.random.Generator) -> npt.NDArray:
    """Return the patients of each fold, (draws, REPEATS, FOLDS, m), half per class."""
    each = np.broadcast_to(np.arange(patients // 2), (draws, REPEATS, patients // 2))
    halves = [
        (2 * rng.permuted(each, axis=-1) + k).reshape(draws, REPEATS, FOLDS, -1)
        for k in (0, 1)
    ]
    return np.concatenate(halves, axis=-1)


def crossvalidate(x: Array, folds: npt.NDArray, share: float = 1.0) -> Folds:
    """Train both learners on all other folds, and test them on each.

    A learner is a ridge regression on -1 and 1, with 0 as its threshold.

    Args:
        x: features, as `drawn`.
        folds: patients of each fold, as `divided`.
        share: of the training patients of each class that is used, the same in all
            folds.
    """
    m, pictures, width = folds.shape[-1], *x.shape[3:]
    held = np.take_along_axis(x, folds.reshape(len(x), 1, -1, 1, 1), axis=2)
    held = held.reshape(*x.shape[:2], REPEATS, FOLDS, m * pictures, width)
    y = np.repeat((-1.0, 1.0), m * pictures // 2)  # the order of `divided`
    keep = np.arange(m) % (m // 2) < round(m // 2 * share)
    keep = np.repeat(keep, pictures)
    used = held[..., keep, :]
    gram, moment = used.swapaxes(-1, -2) @ used, y[keep] @ used
    gram, moment = (a.sum(axis=3, keepdims=True) - a for a in (gram, moment))
    weights = np.linalg.solve(gram + RIDGE * np.eye(width), moment[..., None])
    score = (held @ weights)[..., 0]
    above = score[..., y > 0, None] > score[..., None, y < 0]
    return Folds((score >= 0) == (y > 0), above.mean(axis=(-1, -2)))


def true_accuracy(length: float, pictures: int = 160) -> float:
    """Return the mean accuracy of a learner that is trained on so many pictures.

    The accuracy of a trained learner on all further pictures has a closed form.
    """
    rng, features = np.random.default_rng(0), Setting().features
    y = np.where(np.arange(pictures) % 2, 1.0, -1.0)
    shift = length / np.sqrt(features)
    x = rng.normal(size=(TRAININGS, pictures, features)) + shift * y[:, None]
    x = np.concatenate([x, np.ones((TRAININGS, pictures, 1))], axis=-1)
    gram = x.swapaxes(-1, -2) @ x + RIDGE * np.eye(features + 1)
    weights = np.linalg.solve(gram, (y @ x)[..., None])[..., 0]
    slope, offset = weights[:, :-1], weights[:, -1]
    centre = shift * slope.sum(axis=1) / np.linalg.norm(slope, axis=1)
    offset = offset / np.linalg.norm(slope, axis=1)
    return float((norm.cdf(centre + offset) + norm.cdf(centre - offset)).mean() / 2)


@cache
def truths() -> tuple[Array, Array]:
    """Return lengths of the signal and the true accuracies that they give."""
    lengths = np.linspace(0, 3, 61)
    return lengths, np.array([true_accuracy(each) for each in lengths])


def results(
    setting: Setting, lengths: Array, rng: np.random.Generator, share: float = 1.0
) -> Folds:
    """Draw a data set for each row of `lengths` and cross-validate both learners."""
    found = []
    for part in np.array_split(lengths, max(len(lengths) // BATCH, 1)):
        folds = divided(len(part), setting.patients, rng)
        found.append(crossvalidate(drawn(setting, part, rng), folds, share))
    return Folds(*map(np.concatenate, zip(*found, strict=True)))


def difference(values: Array) -> Array:
    """Return second minus first learner of each fold: (draws, REPEATS * FOLDS)."""
    return (values[:, 1] - values[:, 0]).reshape(len(values), -1)


def primary(found: Folds, ratio: float = RATIO) -> Corrected:
    """Return the mean difference in accuracy of each data set."""
    return corrected(difference(found.right.mean(axis=-1)), ratio)


def told_apart(found: Corrected) -> float:
    """Return how often the interval excludes 0; without an interval it does not."""
    return float(np.mean(np.abs(found.mean) > np.nan_to_num(found.half_width, nan=9)))


def errors(draws: int, seed: int) -> Iterator[Row]:
    """Measure how often two equal learners are told apart."""
    for i, setting in enumerate(tqdm(EQUAL, disable=None)):
        rng = np.random.default_rng((seed, 1, i))
        slow = setting.features > 8 or setting.pictures > 1
        n = draws // 3 if slow else draws
        found = results(setting, np.full((n, 2), setting.length), rng)
        rule, areas = primary(found), corrected(difference(found.areas), RATIO)
        low, middle, high = np.nanquantile(rule.half_width, (0.1, 0.5, 0.9))
        yield setting._asdict() | {
            "accuracy": float(found.right.mean()),
            "data sets": n,
            "primary": told_apart(rule),
            "AUROC": told_apart(areas),
            "uncorrected": told_apart(primary(found, ratio=0)),
            "half-width": middle,
            "10 %": low,
            "90 %": high,
        }


def power(draws: int, seed: int) -> Iterator[Row]:
    """Measure how often learners that differ are told apart, with 200 pictures."""
    length, accuracy = truths()
    base = np.interp(LENGTH, length, accuracy)
    settings = list(product((0.0, 0.5), DIFFERENCES))
    for i, (likeness, apart) in enumerate(tqdm(settings, disable=None)):
        rng = np.random.default_rng((seed, 2, i))
        lengths = np.array([LENGTH, np.interp(base + apart, accuracy, length)])
        found = results(Setting(likeness=likeness), np.tile(lengths, (draws, 1)), rng)
        rule, areas = primary(found), corrected(difference(found.areas), RATIO)
        limit = t.ppf(0.975, rule.df)
        covered = np.abs(rule.mean - apart) <= rule.half_width
        yield {
            "likeness": likeness,
            "difference": apart,
            "data sets": draws,
            "discordance": float((found.right[:, 0] != found.right[:, 1]).mean()),
            "primary": told_apart(rule),
            "AUROC": told_apart(areas),
            "wrong way": float(np.mean(rule.mean < -rule.half_width)),
            "coverage": float(covered.mean()),
            "expected by needed": float(
                np.mean(nct.sf(limit, rule.df, apart / rule.error))
            ),
        }


def calibration(draws: int, seed: int) -> Iterator[Row]:
    """Compare stated probabilities with how often they come true.

    Both signals are drawn anew for each data set, normal with the same mean.
    """
    rng = np.random.default_rng((seed, 3))
    lengths = rng.normal(LENGTH, SPREAD * np.sqrt(8), (2 * draws, 2)).clip(0)
    true = np.interp(lengths, *truths())
    apart = true[:, 1] - true[:, 0]
    found = results(Setting(), lengths, rng)
    rule = primary(found)
    wins = rule.mean > 0
    only = [
        (found.right[:, k] & ~found.right[:, 1 - k]).sum(axis=(1, 2, 3)) / REPEATS
        for k in (0, 1)
    ]
    fixed = false_claim(np.where(wins, only[1], only[0]), np.where(wins, *only))
    retrained = np.where(wins, rule.below(0), 1 - rule.below(0))
    false = np.where(wins, apart <= 0, apart >= 0)
    equal = rule.below(ROPE) - rule.below(-ROPE)
    decided = (rule.mean != 0) & ~np.isnan(rule.error)
    for name, stated, came in (
        ("equal (ROPE)", equal, np.abs(apart) <= ROPE),
        ("false claim, networks fixed", fixed, false),
        ("false claim, retrained", retrained, false),
    ):
        for low, high in zip(BINS[:-1], BINS[1:], strict=True):
            mine = decided & (stated > low) & (stated <= high)
            if mine.sum() >= 50:
                yield {
                    "probability": name,
                    "from": low,
                    "to": high,
                    "data sets": int(mine.sum()),
                    "stated": float(stated[mine].mean()),
                    "came true": float(came[mine].mean()),
                }


def learning(draws: int, seed: int) -> Iterator[Row]:
    """Measure the coverage of the bands of the learning curve: one repeat."""
    for i, share in enumerate(SHARES):
        rng = np.random.default_rng((seed, 4, i))
        found = results(Setting(), np.full((draws, 2), LENGTH), rng, share)
        true = true_accuracy(LENGTH, pictures=round(160 * share))
        row: Row = {"share": share, "data sets": draws, "accuracy": true}
        for name, ratio in (("in use", RATIO), ("own ratio", RATIO / share)):
            band = corrected(found.right[:, 0, 0].mean(axis=-1), ratio)
            covered = np.abs(band.mean - true) <= band.half_width
            row |= {name: float(covered.mean())}
            row |= {f"half-width, {name}": float(np.nanmedian(band.half_width))}
        yield row


TABLES = {
    "equal learners": errors,
    "power": power,
    "calibration": calibration,
    "learning curve": learning,
}


def broken(table: pd.DataFrame) -> list[str]:
    """Return a message for each setting in which equal learners are told apart."""
    return [
        f"equal learners told apart, {row['patients']} patients, {row['features']} "
        f"features, likeness {row['likeness']}: {row['primary']:.3f}"
        for row in table.to_dict("records")
        if not row["primary"] <= MOST_ERRORS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=6000, help="data sets a setting")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv", type=Path, help="file that gets all tables")
    arguments = parser.parse_args()
    tables = {
        name: pd.DataFrame(measure(arguments.draws, arguments.seed))
        for name, measure in TABLES.items()
    }
    for name, table in tables.items():
        print(f"\n{name}\n{table.to_string(index=False, float_format='{:.3f}'.format)}")
    if arguments.csv:
        together = pd.concat({n: x for n, x in tables.items()}, names=["table", None])
        together = together.reset_index("table")
        together.to_csv(arguments.csv, index=False, float_format="%.4g")
    if lines := broken(tables["equal learners"]):
        sys.exit("\n".join(lines))


if __name__ == "__main__":
    main()
