"""Summarise how both networks do on another collection, which nothing was trained on.

Pictures are the unit, and the difference in accuracy at 0.5 decides, as by default on
the test part. All other numbers are secondary.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brain_mri.errors import InputError
from brain_mri.evidence import comparison, curves, observations
from brain_mri.evidence.scoring import Scores, rounded, score
from brain_mri.files.names import NETWORKS
from brain_mri.files.predictions import COLUMNS, VERDICT_THRESHOLD

PART = "external"  # of the predictions
HEADLINE, STATISTICS = "external.json", "external_statistics.csv"  # in metrics/
THIRDS = ("nearest", "middle", "farthest")  # of the pictures, by distance
SHOWN = 8  # pictures of each network that Grad-CAM explains


def read(path: Path) -> dict[str, pd.DataFrame]:
    """Read and check the predictions of all classifiers, by name.

    Returns:
        For each, columns `predictions.COLUMNS` and distance (to the training images).

    Raises:
        InputError: see `observations.read`; or a distance is not a number of 0 or more.
    """
    found = observations.read_classifiers(path, "classifier", (PART,))
    for rows in found.values():
        if "distance" not in rows:
            raise InputError(f"{path}: expected a column 'distance', found none")
        if not (pd.to_numeric(rows["distance"], errors="coerce") >= 0).all():
            raise InputError(f"{path}: distance: expected numbers of 0 or more")
    return found


def together(
    networks: Mapping[str, pd.DataFrame],
    nulls: pd.DataFrame,
    distance_of: Mapping[str, float],
) -> pd.DataFrame:
    """Join the predictions of all classifiers, as Git keeps them.

    Args:
        networks: for scratch and vgg, their predictions.
        nulls: those of the null baselines, with a column baseline.
        distance_of: distance to the training images, by image id.

    Returns:
        Columns classifier, `predictions.COLUMNS` and distance.
    """
    tables = [rows.assign(classifier=name) for name, rows in networks.items()]
    joined = pd.concat([*tables, nulls.rename(columns={"baseline": "classifier"})])
    joined["distance"] = joined["image_id"].map(distance_of)
    return joined[["classifier", *COLUMNS, "distance"]].reset_index(drop=True)


def surest_errors(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the pictures whose score is furthest from the label, at most 8.

    The first are confident errors; with few errors the last of them are right.

    Args:
        predictions: columns image_id, picture, patient, y_true and y_score.

    Returns:
        Columns image_id (the picture), patient, y_true, y_score and wrong (at a
        threshold of 0.5); the furthest first.
    """
    rows = observations.per_picture(predictions).rename(columns={"picture": "image_id"})
    rows["wrong"] = (rows["y_score"] >= VERDICT_THRESHOLD) != (rows["y_true"] == 1)
    far = (rows["y_score"] - rows["y_true"]).abs()
    order = far.sort_values(ascending=False, kind="stable").index
    return rows.loc[order].head(SHOWN).reset_index(drop=True)


def summarise(
    classifiers: Mapping[str, pd.DataFrame],
    trained: Mapping[str, pd.DataFrame],
    *,
    threshold: float,
    weights: str,
    drawn: bool,
) -> dict[str, dict[str, Any]]:
    """Return the headline and the statistics that follow from the predictions.

    Args:
        classifiers: for scratch, vgg and each null baseline, its predictions with the
            column distance, as `read` returns them.
        trained: for scratch and vgg, their predictions of the training images.
        threshold: decision threshold of the networks.
        weights: source of VGG-16's weights, imagenet or random.
        drawn: whether either collection is drawn, so that only mechanics are tested.

    Returns:
        By name of the file. `HEADLINE`: the numbers people compare. `STATISTICS`: the
        result of `comparison.compare`, the scores of each classifier, the calibration
        of both networks, and the scores by distance to the training images.
    """
    tests = {name: rows.assign(part="test") for name, rows in classifiers.items()}
    networks = {name: tests[name] for name in NETWORKS}
    nulls = {name: rows for name, rows in tests.items() if name not in NETWORKS}
    compared: dict[str, Any] = comparison.compare(networks, nulls, trained, weights)
    compared["sentence"] = f"{_where(drawn)}. {compared['sentence']}"
    compared["mechanics_only"] = drawn
    scores = {
        name: score(rows, threshold if name in NETWORKS else VERDICT_THRESHOLD)
        for name, rows in tests.items()
    }
    return {
        HEADLINE: _headline(compared, scores),
        STATISTICS: {
            **compared,
            "decision_threshold": threshold,
            "classifiers": scores,
            "calibration": {name: _calibration(networks[name]) for name in NETWORKS},
            "by_distance": by_distance(networks, threshold),
        },
    }


def by_distance(
    networks: Mapping[str, pd.DataFrame], threshold: float
) -> dict[str, dict[str, object]]:
    """Score each network on the thirds of the pictures, by distance to the training.

    Args:
        networks: predictions with the column distance; of a picture's copies the mean.
        threshold: decision threshold.

    Returns:
        For each third: n_pictures, the smallest and the largest distance, and for each
        network accuracy and roc_auc with limits. Fewer than three pictures give fewer
        parts.
    """
    rows = next(iter(networks.values()))
    distance = rows.groupby("picture")["distance"].mean().sort_values(kind="stable")
    places = np.array_split(np.arange(len(distance)), len(THIRDS))
    return {
        name: _third(networks, distance.iloc[mine], threshold)
        for name, mine in zip(THIRDS, places, strict=True)
        if len(mine)
    }


def _third(
    networks: Mapping[str, pd.DataFrame], distance: pd.Series, threshold: float
) -> dict[str, object]:
    """Score the pictures that `distance` is indexed by, which is sorted."""
    ends = {"low": float(distance.iloc[0]), "high": float(distance.iloc[-1])}
    scores = {
        name: score(rows[rows["picture"].isin(distance.index)], threshold)
        for name, rows in networks.items()
    }
    return {
        "n_pictures": len(distance),
        **{f"distance_{end}": rounded(value) for end, value in ends.items()},
        **{name: _limited(mine) for name, mine in scores.items()},
    }


def _where(drawn: bool) -> str:
    where = "Tested on another collection, which nothing was trained on"
    return f"{where} (mechanics only, with drawn phantoms)" if drawn else where


def _headline(
    compared: Mapping[str, Any], scores: Mapping[str, Scores]
) -> dict[str, object]:
    paired, n = compared["paired"], compared["n_pictures"]
    right = {name: paired["both_right"] + paired[f"{name}_only"] for name in NETWORKS}
    difference = compared["accuracy"]
    areas = {
        f"{name}_roc_auc{end}": scores[name][f"roc_auc{end}"]
        for name in NETWORKS
        for end in ("", "_low", "_high")
    }
    return {
        "verdict": compared["verdict"],
        "accuracy_difference": difference["difference"],
        "low": difference["low"],
        "high": difference["high"],
        **{f"{name}_accuracy": rounded(right[name] / n) for name in NETWORKS},
        **areas,
        "n_pictures": n,
        "n_patients": compared["n_patients"],
        "mechanics_only": compared["mechanics_only"],
    }


def _limited(scores: Scores) -> Scores:
    ends = ("", "_low", "_high")
    return {
        f"{name}{end}": scores[f"{name}{end}"]
        for name in ("accuracy", "roc_auc")
        for end in ends
    }


def _calibration(predictions: pd.DataFrame) -> dict[str, object]:
    """Return the bins of the calibration curve by number, and their expected error."""
    bins = curves.calibration(predictions)
    rows = bins.to_dict("records")
    return {
        "error": rounded(curves.calibration_error(bins)),
        "bins": {str(number): row for number, row in enumerate(rows, start=1)},
    }
