"""Compare two networks by repeated cross-validation.

The rule of the verdict is fixed beforehand: the mean difference in accuracy over the
folds of all repeats, at a threshold of 0.5, with Nadeau and Bengio's interval. All
other results are secondary.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from brain_mri.evidence import foldwise, labels, repeats
from brain_mri.evidence.corrected import Corrected
from brain_mri.evidence.crossval_verdict import judge
from brain_mri.evidence.foldwise import METRICS, WHOLE, kept
from brain_mri.evidence.intervals import delong
from brain_mri.evidence.observations import observed
from brain_mri.evidence.scoring import rates, rounded
from brain_mri.files.names import NETWORKS
from brain_mri.files.predictions import VERDICT_THRESHOLD

RUN = ("classifier", "repeat", "fold", "share", "seed")  # one training and its fold


def fold_scores(predictions: pd.DataFrame) -> pd.DataFrame:
    """Score each classifier on each fold, each picture counted once.

    Args:
        predictions: one row per run and held-out image: columns `RUN`, image_id,
            picture, patient, y_true (0 or 1), y_score in [0, 1], and train_roc_auc, of
            a network on the images that it was trained on.

    Returns:
        One row per run, sorted: columns `RUN`, n_pictures, n_train_pictures (the
        pictures of the other folds of that repeat times the share, rounded), accuracy
        and balanced_accuracy at 0.5, roc_auc and train_roc_auc. Rounded to 6 decimals,
        NaN where undefined.
    """
    whole = predictions.groupby("repeat")["picture"].nunique()
    rows = []
    for run, table in predictions.groupby(list(RUN)):
        row: dict[str, Any] = dict(zip(RUN, run, strict=True))
        n = table["picture"].nunique()
        n_train = round((whole[row["repeat"]] - n) * row["share"] / WHOLE)
        row |= {"n_pictures": n, "n_train_pictures": n_train}
        row |= _metrics(table)
        learned = pd.to_numeric(table["train_roc_auc"].iloc[0], errors="coerce")
        rows.append(row | {"train_roc_auc": learned})  # NaN of a baseline
    return pd.DataFrame(rows).astype(dict.fromkeys(METRICS, float))


def summarise(
    predictions: pd.DataFrame, *, rope: float, weights: str
) -> dict[str, Any]:
    """Compare the networks by the folds that both were tested on.

    Args:
        predictions: as for `fold_scores`; the classifiers are scratch, vgg and null
            baselines. Shares below 100 and seeds above 0 belong to repeat 1.
        rope: differences in accuracy up to this count as equal in practice.
        weights: source of VGG-16's weights, imagenet or random.

    Returns:
        Nested values, rounded to 6 decimals, None where undefined. Every difference is
        vgg minus scratch, or network minus baseline; every interval has 95 %.

        - verdict, sentence: which network is better; `primary` alone decides.
        - primary: difference, low, high and half_width; folds, test_per_training and
          standard_deviation, from which these follow.
        - training.<network>: see `foldwise.training`.
        - design: n_pictures, n_patients, n_images, repeats, folds.
        - scores.<classifier>: accuracy, balanced_accuracy and roc_auc, the mean of the
          folds, with `_low` and `_high`.
        - against.<network>.<baseline>: difference, low, high of the accuracies.
        - secondary.roc_auc: difference, low, high of the folds' mean AUROCs; folds.
        - secondary.probability: that the true difference in accuracy favours vgg or
          scratch by more than `rope`, or does not (equal).
        - secondary.claim: see `repeats.claim`.
        - secondary.repeats: n, standard_deviation, lowest, highest of the differences
          of the repeats.
        - repeats.<r>: accuracies over all pictures of a repeat, their difference, the
          numbers of pictures that only one network got right, and the difference of
          the folds' mean AUROCs.
        - seeds.<network>, seeds.difference: see `foldwise.seeds`.
        - learning.<classifier>.<share>, learning.difference.<share>: scores of
          repeat 1 by the percentage of training patients, n_train pictures.
        - needed.<points>: pictures that would separate an assumed difference of 5, 10
          or 15 percentage points, see `repeats.pictures_needed`.

    Raises:
        InputError: the classifiers were not tested on the same folds or pictures.
    """
    scores = fold_scores(predictions)
    main = foldwise.main_runs(scores)
    found = foldwise.difference(main, *NETWORKS)
    right = repeats.right_answers(predictions)
    difference = foldwise.interval(found) | {"half_width": kept(found.half_width)}
    nulls = [name for name in labels.BASELINES if name in set(main["classifier"])]
    against = {network: _against(main, network, nulls) for network in NETWORKS}
    design = _design(predictions, main)
    classes = predictions["y_true"].nunique()
    training = foldwise.training(main)
    word, sentence = judge(difference, design, classes, training, against, weights)
    return {
        "verdict": word,
        "sentence": sentence,
        "vgg_weights": weights,
        "threshold": VERDICT_THRESHOLD,
        "rope": rope,
        "primary": difference
        | {
            "folds": found.df + 1,
            "test_per_training": kept(foldwise.ratio(main)),
            "standard_deviation": foldwise.spread(foldwise.by_fold(main, *NETWORKS)),
        },
        "training": training,
        "design": design,
        "scores": {
            name: foldwise.means(main[main["classifier"] == name])
            for name in (*NETWORKS, *nulls)
        },
        "against": against,
        "secondary": _secondary(main, right, found, rope),
        "repeats": {
            str(repeat): _of_repeat(main[main["repeat"] == repeat], rows)
            for repeat, rows in right.groupby("repeat")
        },
        "seeds": foldwise.seeds(scores),
        "learning": foldwise.learning(scores),
        "needed": repeats.pictures_needed(right, found),
    }


def headline(found: Mapping[str, Any]) -> dict[str, object]:
    """Return the numbers of the summary for `metrics/crossval.json`."""
    primary, design, scores = found["primary"], found["design"], found["scores"]
    return {
        "verdict": found["verdict"],
        "accuracy_difference": primary["difference"],
        **{name: primary[name] for name in ("low", "high", "half_width")},
        **{
            f"{network}_{metric}": scores[network][metric]
            for metric in ("accuracy", "roc_auc")
            for network in NETWORKS
        },
        "roc_auc_difference": found["secondary"]["roc_auc"]["difference"],
        "probability_equal": found["secondary"]["probability"]["equal"],
        **{
            name: design[name]
            for name in ("n_pictures", "n_patients", "repeats", "folds")
        },
    }


def _metrics(table: pd.DataFrame) -> dict[str, Any]:
    y_true, y_score, _ = observed(table)
    found = rates(y_true, (y_score >= VERDICT_THRESHOLD).astype(np.int64))
    area = kept(delong(y_true, y_score)[0][0])
    return {name: rounded(found[name]) for name in METRICS[:2]} | {"roc_auc": area}


def _against(main: pd.DataFrame, network: str, nulls: list[str]) -> dict[str, Any]:
    return {
        null: foldwise.interval(foldwise.difference(main, null, network))
        for null in nulls
    }


def _design(predictions: pd.DataFrame, main: pd.DataFrame) -> dict[str, int]:
    return {
        "n_pictures": predictions["picture"].nunique(),
        "n_patients": predictions["patient"].nunique(),
        "n_images": predictions["image_id"].nunique(),
        "repeats": main["repeat"].nunique(),
        "folds": main["fold"].nunique(),
    }


def _secondary(
    main: pd.DataFrame, right: pd.DataFrame, found: Corrected, rope: float
) -> dict[str, Any]:
    areas = foldwise.difference(main, *NETWORKS, metric="roc_auc")
    each = [
        repeats.accuracies(rows)["difference"] for _, rows in right.groupby("repeat")
    ]
    return {
        "roc_auc": foldwise.interval(areas) | {"folds": areas.df + 1},
        "probability": {
            "scratch_better": kept(found.below(-rope)),
            "equal": kept(found.below(rope) - found.below(-rope)),
            "vgg_better": kept(1 - found.below(rope)),
        },
        "claim": repeats.claim(right, found),
        "repeats": {
            "n": len(each),
            "standard_deviation": foldwise.spread(each),
            "lowest": min(each),
            "highest": max(each),
        },
    }


def _of_repeat(main: pd.DataFrame, right: pd.DataFrame) -> dict[str, Any]:
    areas = foldwise.by_fold(main, *NETWORKS, metric="roc_auc")
    return repeats.accuracies(right) | {
        "scratch_only": int(repeats.only(right, "scratch", "vgg")),
        "vgg_only": int(repeats.only(right, "vgg", "scratch")),
        "roc_auc_difference": kept(areas.mean(skipna=False)),
    }
