"""Compare two classifiers on the same pictures.

The rule of the verdict is fixed beforehand: the difference in accuracy at a threshold
of 0.5, with Newcombe's paired interval. All other results are secondary. A network that
did not learn its training images is not compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.errors import InputError
from brain_mri.evidence import verdict
from brain_mri.evidence.clusters import effect, independent
from brain_mri.evidence.observations import Observed, observed
from brain_mri.evidence.obuchowski import auroc, auroc_difference
from brain_mri.evidence.paired import (
    accuracy_difference,
    mcnemar_exact,
    mcnemar_mid,
    paired_counts,
)
from brain_mri.evidence.patients import patient_level
from brain_mri.evidence.power import resolution
from brain_mri.evidence.scoring import Scores, defined, rounded, score
from brain_mri.files.names import NETWORKS
from brain_mri.files.predictions import VERDICT_THRESHOLD

# The champion's metrics in `metrics/selected.json`.
HEADLINE = (
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "roc_auc",
    "average_precision",
    "brier",
    "log_loss",
)


def compare(
    models: Mapping[str, pd.DataFrame],
    baselines: Mapping[str, pd.DataFrame],
    trained: Mapping[str, pd.DataFrame],
    weights: str,
) -> dict[str, object]:
    """Compare two models' predictions of the test part, each picture counted once.

    Args:
        models: for scratch and vgg, their predictions: columns image_id, picture,
            patient, part, y_true (0 or 1), y_score in [0, 1].
        baselines: for each null baseline, the same.
        trained: for scratch and vgg, their predictions of the training images, without
            augmentation.
        weights: source of VGG-16's weights, imagenet or random.

    Returns:
        The verdict as a label and a sentence, and the numbers behind them. Every
        difference is vgg minus scratch, or network minus baseline. `secondary` does not
        influence the verdict.

    Raises:
        InputError: two of the tables are of different images.
    """
    tests = {
        name: table[table["part"] == "test"]
        for name, table in {**models, **baselines}.items()
    }
    _check_same_images(tests)
    right = {name: _right(table) for name, table in tests.items()}
    counts = paired_counts(right["scratch"], right["vgg"])
    cases = observed(tests["vgg"])
    difference = accuracy_difference(right["scratch"], right["vgg"], cases.patient)
    n, classes = len(cases.y_true), len(np.unique(cases.y_true))
    patients = len(np.unique(cases.patient))
    training = {name: training_scores(table) for name, table in trained.items()}
    against = _against(right, list(models), list(baselines), cases.patient)
    word, sentence = verdict.verdict(
        difference,
        n,
        patients,
        classes,
        {name: found for name, found in training.items() if not found["learned"]},
        _above_blind(against) if verdict.BLIND in baselines else None,
        weights,
    )
    return {
        "verdict": word,
        "sentence": sentence,
        "vgg_weights": weights,
        "threshold": VERDICT_THRESHOLD,
        "n_pictures": n,
        "n_patients": patients,
        "n_images": len(tests["vgg"]),
        "accuracy": difference,
        "paired": counts,
        "training": training,
        "secondary": _secondary(tests, counts),
        "by_patient": _by_patient(tests) if patients < n else {},
        "resolution": resolution(_effective(right, cases) if classes == 2 else 0),
        "baselines": against,
    }


def headline(compared: Mapping[str, Any]) -> dict[str, object]:
    """Return the numbers of the comparison for `metrics/verdict.json`."""
    return {
        "verdict": compared["verdict"],
        **compared["accuracy"],
        "n_pictures": compared["n_pictures"],
        "n_patients": compared["n_patients"],
    }


def training_scores(predictions: pd.DataFrame) -> dict[str, object]:
    """Return how well a network ranks its training images, and whether it learnt.

    Returns:
        roc_auc with its limits, n_pictures and `learned`: whether
        the lower limit, or the value itself if there is no interval, is above chance.
    """
    y_true, y_score, patient = observed(predictions)
    value, low, high = map(defined, auroc(y_true, y_score, patient))
    least = value if low is None else low
    return {
        "roc_auc": rounded(value),
        "roc_auc_low": rounded(low),
        "roc_auc_high": rounded(high),
        "n_pictures": len(y_true),
        "learned": least is not None and least > verdict.CHANCE,
    }


def selected(
    predictions: pd.DataFrame, model: str, threshold: float
) -> dict[str, object]:
    """Return the champion's name and its eight headline metrics of the test part."""
    scores = score(predictions[predictions["part"] == "test"], threshold)
    return {"model": model, **{name: scores[name] for name in HEADLINE}}


def _against(
    right: Mapping[str, npt.NDArray[np.bool_]],
    models: Sequence[str],
    baselines: Sequence[str],
    patient: npt.NDArray[np.str_],
) -> dict[str, dict[str, Scores]]:
    return {
        model: {
            name: accuracy_difference(right[name], right[model], patient)
            for name in baselines
        }
        for model in models
    }


def _above_blind(against: Mapping[str, Mapping[str, Scores]]) -> list[str]:
    return [m for m in against if verdict.beats(against[m][verdict.BLIND])]


def _secondary(
    tests: Mapping[str, pd.DataFrame], counts: Mapping[str, int]
) -> dict[str, object]:
    y_true, scratch, patient = observed(tests["scratch"])
    vgg = observed(tests["vgg"]).y_score
    values = auroc_difference(y_true, scratch, vgg, patient)
    alone = independent(patient)
    names = ("difference", "low", "high", "p")
    only = counts["scratch_only"], counts["vgg_only"]
    return {
        # the tests do not hold where patients have several pictures
        "mcnemar_exact_p": rounded(mcnemar_exact(*only)) if alone else None,
        "mcnemar_mid_p": rounded(mcnemar_mid(*only)) if alone else None,
        "roc_auc": {
            name: rounded(defined(value))
            for name, value in zip(names, values, strict=True)
        },
    }


def _by_patient(tests: Mapping[str, pd.DataFrame]) -> dict[str, Scores]:
    """Score patients: called a tumour if any of their pictures is."""
    found = {}
    for name in NETWORKS:
        y_true, y_score, patient = observed(tests[name])
        called = (y_score >= VERDICT_THRESHOLD).astype(np.int64)
        found[name] = patient_level(y_true, called, patient)
    return found


def _effective(right: Mapping[str, npt.NDArray[np.bool_]], cases: Observed) -> int:
    """Return the number of independent pictures that the difference is worth."""
    difference = right["vgg"].astype(float) - right["scratch"]
    return int(len(difference) / effect(difference, cases.patient).deff)


def _check_same_images(tests: Mapping[str, pd.DataFrame]) -> None:
    keys = ["image_id", "picture", "patient", "y_true"]
    (first, table), *others = tests.items()
    for other, compared in others:
        if not (
            table[keys]
            .reset_index(drop=True)
            .equals(compared[keys].reset_index(drop=True))
        ):
            raise InputError(
                f"the predictions of {first} and of {other} are not of the same images"
            )


def _right(predictions: pd.DataFrame) -> npt.NDArray[np.bool_]:
    y_true, y_score, _ = observed(predictions)
    return (y_score >= VERDICT_THRESHOLD) == (y_true == 1)
