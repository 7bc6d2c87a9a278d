"""Word the verdict, which only the interval of the difference decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from brain_mri.errors import InputError
from brain_mri.evidence import labels
from brain_mri.evidence.labels import signed
from brain_mri.evidence.power import FEWEST, FEWEST_PATIENTS
from brain_mri.evidence.scoring import Scores

UNDECIDED = (
    "too few pictures",
    "too few patients",
    "one class",
)  # verdicts without a comparison
CHANCE = 0.5  # ROC AUC of a network that has learnt nothing
UNLEARNED = "did not learn"  # the verdict if a network cannot rank its training images
BLIND = "file_facts"  # the null baseline that the first sentence names


def verdict(
    difference: Scores,
    n: int,
    patients: int,
    classes: int,
    unlearned: Mapping[str, Mapping[str, Any]],
    above_blind: Sequence[str] | None,
    weights: str,
    rarer: int | None = None,
) -> tuple[str, str]:
    """Return the verdict as a short label and as a sentence.

    Args:
        difference: difference of the accuracies (vgg minus scratch), low and high; of
            the balanced accuracies if `rarer` is given.
        n: number of test pictures.
        patients: number of test patients; n where no patient is known.
        classes: number of classes among the test pictures, 0 to 2.
        unlearned: training scores of the networks that did not learn.
        above_blind: networks shown to be better than file facts; None if file facts
            were not scored.
        weights: source of VGG-16's weights, imagenet or random.
        rarer: for balanced accuracy, number of test patients of the rarer class.
    """
    if unlearned:
        word, sentence = did_not_learn(unlearned, weights)
    else:
        word, sentence = judge(difference, n, patients, classes, weights, rarer)
    if word not in (*UNDECIDED, UNLEARNED) and above_blind is not None:
        sentence = f"{sentence}; {against_file_facts(above_blind, weights)}"
    return word, f"{sentence}."


def judge(
    difference: Scores,
    n: int,
    patients: int,
    classes: int,
    weights: str,
    rarer: int | None = None,
) -> tuple[str, str]:
    """Return label and sentence of the verdict, decided by the interval alone.

    Args:
        difference: difference of the accuracies (vgg minus scratch), low and high; of
            the balanced accuracies if `rarer` is given.
        n: number of test pictures.
        patients: number of test patients; n where no patient is known.
        classes: number of classes among the test pictures, 0 to 2.
        weights: source of VGG-16's weights, imagenet or random.
        rarer: for balanced accuracy, number of test patients of the rarer class.

    Raises:
        InputError: the difference has no interval.
    """
    if few := too_few(n, patients, classes, rarer):
        return few
    names = labels.networks(weights)
    low, high = difference["low"], difference["high"]
    if low is None or high is None:  # cannot happen with a picture; guards against NaN
        raise InputError("the difference of the accuracies has no interval")
    metric = "accuracy" if rarer is None else "balanced accuracy"
    numbers = (
        f"difference {signed(difference['difference'])}, 95 % interval {signed(low)} "
        f"to {signed(high)} ({metric} of {names['vgg']}, minus that of the "
        f"{names['scratch']})"
    )
    cases = f"{n} pictures" + (f" of {patients} patients" if patients < n else "")
    if low <= 0 <= high:
        return "not separable", f"Not separable on {cases}: {numbers}"
    vgg, scratch = f"{names['vgg']},", names["scratch"]
    if low > 0:
        word, claim = "vgg better", f"{vgg} is better than the {scratch}"
    else:
        word, claim = "scratch better", f"The {scratch} is better than {vgg}"
    return word, f"{claim} on {cases}: {numbers}"


def too_few(
    n: int, patients: int, classes: int, rarer: int | None
) -> tuple[str, str] | None:
    """Return label and sentence if there are too few cases for a verdict, else None.

    Args:
        n: number of test pictures.
        patients: number of test patients; n where no patient is known.
        classes: number of classes among the test pictures, 0 to 2.
        rarer: for balanced accuracy, number of test patients of the rarer class.
    """
    if n < FEWEST:
        few = f"No verdict: {n} test pictures are too few, at least {FEWEST} are needed"
        return "too few pictures", few
    if patients < min(n, FEWEST_PATIENTS):
        few = (
            f"No verdict: {n} test pictures of {patients} patients; where patients "
            f"have several pictures, at least {FEWEST_PATIENTS} patients are needed"
        )
        return "too few patients", few
    if classes < 2:
        return "one class", "No verdict: the test part holds one class only"
    if rarer is not None and rarer < FEWEST:
        unit = "patients" if patients < n else "pictures"
        few = (
            f"No verdict: {rarer} test {unit} of the rarer class are too few; for "
            f"balanced accuracy, at least {FEWEST} of each class are needed"
        )
        return f"too few {unit}", few
    return None


def did_not_learn(
    training: Mapping[str, Mapping[str, Any]], weights: str
) -> tuple[str, str]:
    """Return label and sentence for networks that did not learn their own images.

    Args:
        training: for those networks, the result of `training_scores`.
        weights: source of VGG-16's weights, imagenet or random.
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
    """Return whether a network is shown to be better than a null baseline."""
    return (difference["low"] or 0) > 0  # without an interval, nothing is shown


def against_file_facts(better: Sequence[str], weights: str) -> str:
    """Return the clause that names the networks shown to be better than file facts."""
    names, facts = labels.networks(weights), "file facts, which see no pixel"
    if not better:
        return f"neither is shown to be better than {facts}"
    if len(better) == len(names):
        return f"both are better than {facts}"
    return f"of the two only {names[better[0]]} is shown to be better than {facts}"
