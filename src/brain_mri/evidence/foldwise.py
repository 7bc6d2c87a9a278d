"""Means and differences over the folds, from the table of the folds' scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.errors import InputError
from brain_mri.evidence import verdict
from brain_mri.evidence.corrected import Corrected, corrected
from brain_mri.evidence.scoring import Scores, defined, rounded
from brain_mri.files.names import NETWORKS

WHOLE = 100  # % of the training patients
METRICS = ("accuracy", "balanced_accuracy", "roc_auc")
LEARNERS = (*NETWORKS, "edges")  # classifiers of the learning curve


def main_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ordinary folds: all training patients, the first seed."""
    return table[(table["share"] == WHOLE) & (table["seed"] == 0)]


def by_fold(
    scores: pd.DataFrame, first: str, second: str, metric: str = "accuracy"
) -> pd.Series:
    """Return the second classifier's metric minus the first's, for each fold.

    Raises:
        InputError: the two were not tested on the same folds.
    """
    table = scores.pivot(
        index=["repeat", "fold"], columns="classifier", values=["n_pictures", metric]
    )
    counts = table["n_pictures"].reindex(columns=[first, second])
    if counts.isna().any(axis=None) or (counts[first] != counts[second]).any():
        raise InputError(f"{first} and {second} were not tested on the same folds")
    return table[metric][second] - table[metric][first]


def difference(
    scores: pd.DataFrame, first: str, second: str, metric: str = "accuracy"
) -> Corrected:
    """Return the mean of `by_fold` with its corrected standard error."""
    return corrected(by_fold(scores, first, second, metric), ratio(scores))


def ratio(scores: pd.DataFrame) -> float:
    """Return the pictures of a fold over those of all other folds, mean of the folds.

    A share of the learning curve leaves training pictures out. Its folds share no more
    than whole ones, so their ratio is cautious enough (benchmarks/crossval.csv).
    """
    others = scores["n_train_pictures"] * WHOLE / scores["share"]
    return float((scores["n_pictures"] / others).mean())


def interval(found: Corrected) -> Scores:
    """Return a mean difference with its interval, None where undefined."""
    low, high = found.limits(-1, 1)
    values = {"difference": found.mean, "low": low, "high": high}
    return {name: kept(value) for name, value in values.items()}


def means(scores: pd.DataFrame) -> Scores:
    """Return the mean of each metric over the folds of one classifier, with limits."""
    found: Scores = {}
    for metric in METRICS:
        mean = corrected(scores[metric], ratio(scores))
        low, high = mean.limits(0, 1)
        values = {"": mean.mean, "_low": low, "_high": high}
        found |= {f"{metric}{end}": kept(value) for end, value in values.items()}
    return found


def training(main: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return for each network how well it ranks the images that it was trained on.

    `learned` tells whether the lower limit of the folds' mean ROC AUC, or the mean
    itself if there is no limit, is above chance.
    """
    found = {}
    for name in NETWORKS:
        rows = main[main["classifier"] == name]
        mean = corrected(rows["train_roc_auc"], ratio(rows))
        low, high = mean.limits(0, 1)
        values = {"roc_auc": mean.mean, "roc_auc_low": low, "roc_auc_high": high}
        least = mean.mean if np.isnan(low) else low
        found[name] = {key: kept(value) for key, value in values.items()}
        found[name]["learned"] = bool(least > verdict.CHANCE)
    return found


def learning(scores: pd.DataFrame) -> dict[str, Any]:
    """Return the learning curve: the folds of repeat 1, for each share."""
    first = scores[(scores["repeat"] == 1) & (scores["seed"] == 0)]
    found: dict[str, Any] = {name: {} for name in (*LEARNERS, "difference")}
    for share, rows in first.groupby("share"):
        for name in LEARNERS:
            mine = rows[rows["classifier"] == name]
            if len(mine):
                n_train = {"n_train": round(mine["n_train_pictures"].mean())}
                found[name][str(share)] = n_train | means(mine)
        found["difference"][str(share)] = interval(difference(rows, *NETWORKS))
    return found


def seeds(scores: pd.DataFrame) -> dict[str, Any]:
    """Return the spread of several trainings of one fold, which differ in their seed.

    The fold is the first of repeat 1.
    """
    rows = scores[(scores["repeat"] == 1) & (scores["fold"] == 1)]
    rows = rows[(rows["share"] == WHOLE) & rows["classifier"].isin(NETWORKS)]
    found: dict[str, Any] = {name: {} for name in (*NETWORKS, "difference")}
    for metric in ("accuracy", "roc_auc"):
        wide = rows.pivot(index="seed", columns="classifier", values=metric)
        wide["difference"] = wide["vgg"] - wide["scratch"]
        for name, values in wide.items():
            found[str(name)] |= {
                "trainings": len(values),
                metric: kept(values.mean()),
                f"{metric}_standard_deviation": spread(values),
            }
    return found


def spread(values: Sequence[float] | pd.Series) -> float | None:
    """Return the standard deviation, None with less than two values."""
    return kept(np.std(np.asarray(values), ddof=1)) if len(values) > 1 else None


def kept(value: npt.ArrayLike) -> Any:
    """Round a number as it is stored, None for NaN."""
    return rounded(defined(value))
