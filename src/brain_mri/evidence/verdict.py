"""Say who is better, if any; nothing but the interval of the difference decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from brain_mri.errors import InputError
from brain_mri.evidence import labels
from brain_mri.evidence.labels import signed
from brain_mri.evidence.power import FEWEST
from brain_mri.evidence.scoring import Scores

UNDECIDED = ("too few groups", "one class")  # verdicts without a comparison
UNLEARNED = "did not learn"  # the verdict where a network knows not even its own images
BLIND = "file_facts"  # the null baseline that the first sentence names


def verdict(
    difference: Scores,
    n: int,
    classes: int,
    unlearned: Mapping[str, Mapping[str, Any]],
    above_blind: Sequence[str] | None,
    weights: str,
) -> tuple[str, str]:
    """Return the verdict in a word and in a sentence.

    Args:
        difference: of the accuracies (vgg minus scratch), low and high.
        n: groups that it rests on.
        classes: how many of the two classes are among them.
        unlearned: training scores of the networks that did not learn.
        above_blind: networks shown to be better than file facts; None where file facts
            were not scored.
        weights: where VGG-16's come from, imagenet or random.
    """
    if unlearned:
        word, sentence = did_not_learn(unlearned, weights)
    else:
        word, sentence = judge(difference, n, classes, weights)
    if word not in (*UNDECIDED, UNLEARNED) and above_blind is not None:
        sentence = f"{sentence}; {against_file_facts(above_blind, weights)}"
    return word, f"{sentence}."


def judge(difference: Scores, n: int, classes: int, weights: str) -> tuple[str, str]:
    """Return the verdict in a word and in a sentence; nothing but the interval decides.

    Args:
        difference: difference (vgg minus scratch), low and high.
        n: groups that it rests on.
        classes: how many of the two classes are among them.
        weights: where VGG-16's come from.
    """
    names = labels.networks(weights)
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


def did_not_learn(
    training: Mapping[str, Mapping[str, Any]], weights: str
) -> tuple[str, str]:
    """Return verdict and sentence where a network did not learn its own images.

    Args:
        training: for those networks, what `training_scores` returns.
        weights: where VGG-16's come from.
    """
    called = labels.networks(weights)
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
    names, facts = labels.networks(weights), "file facts, which see no pixel"
    if not better:
        return f"neither is shown to be better than {facts}"
    if len(better) == len(names):
        return f"both are better than {facts}"
    return f"of the two only {names[better[0]]} is shown to be better than {facts}"
