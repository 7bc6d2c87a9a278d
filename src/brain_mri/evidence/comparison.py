"""Compare two classifiers on the same pictures.

The rule of the verdict is fixed beforehand: the difference in accuracy at a threshold
of 0.5, with Newcombe's paired interval; or, if params.yaml says so, the difference in
balanced accuracy at the share of tumours among the training images, with the intervals
of both classes joined. All other results are secondary. A network that did not learn
its training images is not compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from brain_mri.errors import InputError
from brain_mri.evidence import rule, verdict
from brain_mri.evidence.clusters import effect, independent
from brain_mri.evidence.observations import Observed, observed
from brain_mri.evidence.obuchowski import auroc, auroc_difference
from brain_mri.evidence.paired import (
    Right,
    mcnemar_exact,
    mcnemar_mid,
    paired_counts,
)
from brain_mri.evidence.patients import patient_level
from brain_mri.evidence.power import resolution
from brain_mri.evidence.scoring import Scores, defined, rounded, score
from brain_mri.files.names import CLASSES, LEAKED, NETWORKS

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
    metric: str = "accuracy",
) -> dict[str, object]:
    """Compare two models' predictions of the test part, each picture counted once.

    Args:
        models: for scratch and vgg, their predictions: columns image_id, picture,
            patient, part, y_true (0 or 1), y_score in [0, 1].
        baselines: for each null baseline, the same.
        trained: for scratch and vgg, their predictions of the training images, without
            augmentation.
        weights: source of VGG-16's weights, imagenet or random.
        metric: what the verdict compares, accuracy or balanced_accuracy.

    Returns:
        The verdict as a label and a sentence, and the numbers behind them, at the
        `threshold` of the verdict. Every difference is one of the metric, vgg minus
        scratch or network minus baseline. `secondary` does not influence the verdict.
        For balanced accuracy, what holds for accuracy only is left out. `as_given` is
        there if the given split leaks.

    Raises:
        InputError: two of the tables are of different images.
    """
    tests = {
        name: table[table["part"] == "test"]
        for name, table in {**models, **baselines}.items()
    }
    _check_same_images(tests)
    threshold = rule.threshold(metric, trained["vgg"])
    right = {name: _right(table, threshold) for name, table in tests.items()}
    counts = paired_counts(right["scratch"], right["vgg"])
    cases = observed(tests["vgg"])
    difference = rule.difference(metric, right["scratch"], right["vgg"], cases)
    n, classes = len(cases.y_true), len(np.unique(cases.y_true))
    patients = len(np.unique(cases.patient))
    training = {name: training_scores(table) for name, table in trained.items()}
    against = _against(metric, right, list(models), list(baselines), cases)
    balanced = metric == rule.BALANCED
    word, sentence = verdict.verdict(
        difference,
        n,
        patients,
        classes,
        {name: found for name, found in training.items() if not found["learned"]},
        _above_blind(against) if verdict.BLIND in baselines else None,
        weights,
        rarer=_patients_of_a_class(cases) if balanced else None,
    )
    return {
        "verdict": word,
        "sentence": sentence,
        "vgg_weights": weights,
        "threshold": threshold,
        "n_pictures": n,
        "n_patients": patients,
        "n_images": len(tests["vgg"]),
        metric: difference,
        "paired": counts,
        "training": training,
        "secondary": _secondary(tests, None if balanced else counts),
        "by_patient": _by_patient(tests, threshold) if patients < n else {},
        **_as_given(models, threshold),
        **(
            _of_balanced(tests, right, cases, threshold)
            if balanced
            else _of_accuracy(right, cases)
        ),
        "baselines": against,
    }


def headline(compared: Mapping[str, Any]) -> dict[str, object]:
    """Return the numbers of the comparison for `metrics/verdict.json`."""
    metric = rule.metric_of(compared)
    return {
        "verdict": compared["verdict"],
        **({"verdict_metric": metric} if metric == rule.BALANCED else {}),
        **compared[metric],
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
    metric: str,
    right: Mapping[str, Right],
    models: Sequence[str],
    baselines: Sequence[str],
    cases: Observed,
) -> dict[str, dict[str, Scores]]:
    return {
        model: {
            name: rule.difference(metric, right[name], right[model], cases)
            for name in baselines
        }
        for model in models
    }


def _patients_of_a_class(cases: Observed) -> int:
    """Return the number of patients with pictures of the class that has fewer."""
    return min(len(np.unique(cases.patient[cases.y_true == k])) for k in (0, 1))


def _of_accuracy(right: Mapping[str, Right], cases: Observed) -> dict[str, object]:
    """Return the power, which is that of a verdict on accuracy."""
    both = len(np.unique(cases.y_true)) == 2
    return {"resolution": resolution(_effective(right, cases) if both else 0)}


def _of_balanced(
    tests: Mapping[str, pd.DataFrame],
    right: Mapping[str, Right],
    cases: Observed,
    cut: float,
) -> dict[str, object]:
    """Return what the difference in balanced accuracy is made of."""
    kept = [f"{rule.BALANCED}{end}" for end in ("", "_low", "_high")]
    scores = {name: score(tests[name], cut) for name in NETWORKS}
    classes = {name: cases.y_true == label for label, name in enumerate(CLASSES)}
    return {
        "verdict_metric": rule.BALANCED,
        "scores": {
            name: {key: found[key] for key in kept} for name, found in scores.items()
        },
        "by_class": {
            name: paired_counts(right["scratch"][mine], right["vgg"][mine])
            for name, mine in classes.items()
        },
    }


def _as_given(
    models: Mapping[str, pd.DataFrame], threshold: float
) -> dict[str, object]:
    """Return the accuracies on all images given for test, leaked ones too.

    Each image counts, as where nobody looks for copies. Empty without leaked images.
    """
    given = {
        name: table[table["part"].isin(["test", LEAKED])]
        for name, table in models.items()
    }
    leaked = int((given["vgg"]["part"] == LEAKED).sum())
    if not leaked:
        return {}
    right = {
        name: (table["y_score"] >= threshold) == table["y_true"]
        for name, table in given.items()
    }
    return {
        "as_given": {
            "n_images": len(given["vgg"]),
            "n_leaked": leaked,
            **{name: rounded(float(found.mean())) for name, found in right.items()},
        }
    }


def _above_blind(against: Mapping[str, Mapping[str, Scores]]) -> list[str]:
    return [m for m in against if verdict.beats(against[m][verdict.BLIND])]


def _secondary(
    tests: Mapping[str, pd.DataFrame], counts: Mapping[str, int] | None
) -> dict[str, object]:
    """Compare AUROCs and, if the verdict is on accuracy, the counts by McNemar."""
    y_true, scratch, patient = observed(tests["scratch"])
    vgg = observed(tests["vgg"]).y_score
    values = auroc_difference(y_true, scratch, vgg, patient)
    names = ("difference", "low", "high", "p")
    return {
        **({} if counts is None else _mcnemar(counts, independent(patient))),
        "roc_auc": {
            name: rounded(defined(value))
            for name, value in zip(names, values, strict=True)
        },
    }


def _mcnemar(counts: Mapping[str, int], alone: bool) -> Scores:
    only = counts["scratch_only"], counts["vgg_only"]
    return {
        # the tests do not hold where patients have several pictures
        "mcnemar_exact_p": rounded(mcnemar_exact(*only)) if alone else None,
        "mcnemar_mid_p": rounded(mcnemar_mid(*only)) if alone else None,
    }


def _by_patient(
    tests: Mapping[str, pd.DataFrame], threshold: float
) -> dict[str, Scores]:
    """Score patients: called a tumour if any of their pictures is."""
    found = {}
    for name in NETWORKS:
        y_true, y_score, patient = observed(tests[name])
        called = (y_score >= threshold).astype(np.int64)
        found[name] = patient_level(y_true, called, patient)
    return found


def _effective(right: Mapping[str, Right], cases: Observed) -> int:
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


def _right(predictions: pd.DataFrame, threshold: float) -> Right:
    y_true, y_score, _ = observed(predictions)
    return (y_score >= threshold) == (y_true == 1)
