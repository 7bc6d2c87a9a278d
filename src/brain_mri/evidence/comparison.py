"""Compare two classifiers on the same groups of images, and say who is better, if any.

The verdict is fixed beforehand: the difference in accuracy at a threshold of 0.5, with
Newcombe's paired interval. Everything else is secondary and decides nothing, except
that a network which did not learn is not compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binom, binomtest

from brain_mri.errors import InputError
from brain_mri.evidence import intervals
from brain_mri.evidence.power import FEWEST, resolution
from brain_mri.evidence.scoring import Scores, defined, rounded, score
from brain_mri.files.predictions import VERDICT_THRESHOLD, arrays

UNDECIDED = ("too few groups", "one class")  # verdicts of those who cannot judge
UNLEARNED = "did not learn"  # the verdict where a network knows not even its own images
CHANCE = 0.5  # ROC AUC of a network that has learnt nothing
BLIND = "file_facts"  # the null baseline that the first sentence names
# What `metrics/selected.json` holds of the champion.
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


def model_names(weights: str) -> dict[str, str]:
    """Return what to call the two models, given where VGG-16's weights come from."""
    pretrained = "ImageNet" if weights == "imagenet" else "random convolutions"
    return {"scratch": "CNN from scratch", "vgg": f"VGG-16, {pretrained}"}


def compare(
    models: Mapping[str, pd.DataFrame],
    baselines: Mapping[str, pd.DataFrame],
    trained: Mapping[str, pd.DataFrame],
    weights: str,
) -> dict[str, object]:
    """Compare two models' predictions of the test part, each group counted once.

    Args:
        models: for scratch and vgg, their predictions: columns image_id, group, part,
            y_true (0 or 1), y_score in [0, 1].
        baselines: for each null baseline, the same.
        trained: for scratch and vgg, what they say of the originals that they learnt
            from.
        weights: where VGG-16's come from, imagenet or random.

    Returns:
        verdict, sentence and what they rest on; every difference is vgg minus scratch,
        or network minus baseline. `secondary` decides nothing.

    Raises:
        InputError: two of the tables are not of the same images.
    """
    tests = {
        name: table[table["part"] == "test"]
        for name, table in {**models, **baselines}.items()
    }
    _check_same_images(tests)
    right = {name: _right(table) for name, table in tests.items()}
    counts = paired_counts(right["scratch"], right["vgg"])
    difference = accuracy_difference(right["scratch"], right["vgg"])
    n = len(right["vgg"])
    classes = len(np.unique(arrays(tests["vgg"])[0]))
    training = {name: training_scores(table) for name, table in trained.items()}
    against = {
        model: {
            name: accuracy_difference(right[name], right[model]) for name in baselines
        }
        for model in models
    }
    unlearned = {m: found for m, found in training.items() if not found["learned"]}
    if unlearned:
        verdict, sentence = did_not_learn(unlearned, weights)
    else:
        verdict, sentence = judge(difference, n, classes, weights)
    if verdict not in (*UNDECIDED, UNLEARNED) and BLIND in baselines:
        better = [name for name in models if beats(against[name][BLIND])]
        sentence = f"{sentence}; {against_file_facts(better, weights)}"
    return {
        "verdict": verdict,
        "sentence": f"{sentence}.",
        "vgg_weights": weights,
        "threshold": VERDICT_THRESHOLD,
        "n_groups": n,
        "n_images": len(tests["vgg"]),
        "accuracy": difference,
        "paired": counts,
        "training": training,
        "secondary": _secondary(tests, counts),
        "resolution": resolution(n if classes == 2 else 0),
        "baselines": against,
    }


def training_scores(predictions: pd.DataFrame) -> dict[str, object]:
    """Say how well a network ranks the originals it learnt from, and if it learnt.

    Returns:
        roc_auc with its limits and n_groups, one image a group; `learned`: the lower
        limit, or the value itself where there is no interval, lies above chance.
    """
    y_true, y_score = arrays(predictions)
    value, low, high = map(defined, intervals.auroc(y_true, y_score))
    least = value if low is None else low
    return {
        "roc_auc": rounded(value),
        "roc_auc_low": rounded(low),
        "roc_auc_high": rounded(high),
        "n_groups": len(y_true),
        "learned": least is not None and least > CHANCE,
    }


def did_not_learn(
    training: Mapping[str, Mapping[str, Any]], weights: str
) -> tuple[str, str]:
    """Return verdict and sentence where a network did not learn its own images.

    Args:
        training: for those networks, what `training_scores` returns.
        weights: where VGG-16's come from.
    """
    called = model_names(weights)
    named = []
    for name, found in training.items():
        ends = [found[f"roc_auc{end}"] for end in ("_low", "_high")]
        limits = (
            "" if None in ends else ", 95 % interval {:.2f} to {:.2f}".format(*ends)
        )
        area = "undefined" if found["roc_auc"] is None else f"{found['roc_auc']:.2f}"
        named.append(
            f"{called[name]} did not learn (ROC AUC on the images that it was trained "
            f"on {area}{limits})"
        )
    return UNLEARNED, f"No verdict: {' and '.join(named)}"


def beats(difference: Scores) -> bool:
    """Say whether a network is shown to be better than a null baseline."""
    return (difference["low"] or 0) > 0  # an interval that is not there beats nothing


def against_file_facts(better: Sequence[str], weights: str) -> str:
    """Say which networks, if any, are better than file facts, which see no pixel."""
    names, facts = model_names(weights), "file facts, which see no pixel"
    if not better:
        return f"neither is shown to be better than {facts}"
    if len(better) == len(names):
        return f"both are better than {facts}"
    return f"of the two only {names[better[0]]} is shown to be better than {facts}"


def judge(difference: Scores, n: int, classes: int, weights: str) -> tuple[str, str]:
    """Return the verdict in a word and in a sentence; nothing but the interval decides.

    Args:
        difference: difference (vgg minus scratch), low and high.
        n: groups that it rests on.
        classes: how many of the two classes are among them.
        weights: where VGG-16's come from.
    """
    names = model_names(weights)
    if n < FEWEST:
        few = f"No verdict: {n} test groups are too few, at least {FEWEST} are needed"
        return "too few groups", few
    if classes < 2:
        return "one class", "No verdict: the test part holds one class only"
    low, high = difference["low"], difference["high"]
    if low is None or high is None:  # cannot be with a group; NaN must never pass
        raise InputError("the difference of the accuracies has no interval")
    numbers = (
        f"difference {signed(difference['difference'])}, 95 % interval {signed(low)} "
        f"to {signed(high)} (accuracy of {names['vgg']}, minus that of the "
        f"{names['scratch']})"
    )
    if low <= 0 <= high:
        return "not separable", f"Not separable on {n} groups: {numbers}"
    vgg, scratch = f"{names['vgg']},", names["scratch"]
    if low > 0:
        word, claim = "vgg better", f"{vgg} is better than the {scratch}"
    else:
        word, claim = "scratch better", f"The {scratch} is better than {vgg}"
    return word, f"{claim} on {n} groups: {numbers}"


def signed(value: float | None) -> str:
    """Write a difference with two digits, or as many as tell it from 0."""
    if value is None:
        return "undefined"
    text = next(
        text
        for digits in (2, 3, 6)
        if float(text := f"{value:.{digits}f}") != 0 or digits == 6 or value == 0
    )
    return text.replace("-", "−")


def paired_counts(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]
) -> dict[str, int]:
    """Count the groups by which of scratch and vgg classified them right."""
    both, first_only, second_only, neither = _cells(first, second)
    return {
        "both_right": both,
        "scratch_only": first_only,
        "vgg_only": second_only,
        "both_wrong": neither,
    }


def accuracy_difference(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]
) -> Scores:
    """Return the second accuracy minus the first, and Newcombe's paired interval."""
    low, high = intervals.paired_difference(*_cells(first, second))
    difference = second.mean() - first.mean() if len(first) else np.nan
    values = {"difference": difference, "low": low, "high": high}
    return {name: rounded(defined(value)) for name, value in values.items()}


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """Return the two-sided exact p-value of McNemar's test on the discordant pairs.

    A binomial test of one half (McNemar 1947, doi:10.1007/BF02295996); 1 where the two
    models never disagree.
    """
    n = first_only + second_only
    return float(binomtest(first_only, n).pvalue) if n else 1.0


def mcnemar_mid(first_only: int, second_only: int) -> float:
    """Return the two-sided mid-p of McNemar's test: what is observed counts half.

    Less timid than the exact test, yet it kept its level in the 9595 settings of
    Fagerland, Lydersen & Laake 2013, doi:10.1186/1471-2288-13-91.
    """
    n = first_only + second_only
    if not n:
        return 1.0
    observed = float(binom.pmf(first_only, n, 0.5))
    if first_only == second_only:
        return 1 - observed / 2
    return mcnemar_exact(first_only, second_only) - observed


def selected(
    predictions: pd.DataFrame, model: str, threshold: float
) -> dict[str, object]:
    """Return the champion's name and its eight headline numbers of the test."""
    scores = score(predictions[predictions["part"] == "test"], threshold)
    return {"model": model, **{name: scores[name] for name in HEADLINE}}


def _secondary(
    tests: Mapping[str, pd.DataFrame], counts: Mapping[str, int]
) -> dict[str, object]:
    y_true, scratch = arrays(tests["scratch"])
    values = intervals.auroc_difference(y_true, scratch, arrays(tests["vgg"])[1])
    names = ("difference", "low", "high", "p")
    only = counts["scratch_only"], counts["vgg_only"]
    return {
        "mcnemar_exact_p": rounded(mcnemar_exact(*only)),
        "mcnemar_mid_p": rounded(mcnemar_mid(*only)),
        "roc_auc": {
            name: rounded(defined(value))
            for name, value in zip(names, values, strict=True)
        },
    }


def _check_same_images(tests: Mapping[str, pd.DataFrame]) -> None:
    keys = ["image_id", "group", "y_true"]
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
    y_true, y_score = arrays(predictions)
    return (y_score >= VERDICT_THRESHOLD) == (y_true == 1)


def _cells(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]
) -> tuple[int, int, int, int]:
    return (
        int(np.sum(first & second)),
        int(np.sum(first & ~second)),
        int(np.sum(~first & second)),
        int(np.sum(~first & ~second)),
    )
