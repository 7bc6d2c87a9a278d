"""Word the verdict of the cross-validation, which only the primary interval decides."""

from collections.abc import Mapping
from typing import Any

from brain_mri.evidence import labels, verdict
from brain_mri.evidence.labels import signed
from brain_mri.evidence.power import FEWEST, FEWEST_PATIENTS
from brain_mri.evidence.scoring import Scores

NO_SPREAD = "no spread"  # the verdict if all folds have the same difference
# verdicts without a comparison
UNDECIDED = (*verdict.UNDECIDED, verdict.UNLEARNED, NO_SPREAD)


def judge(
    difference: Scores,
    design: Mapping[str, int],
    classes: int,
    training: Mapping[str, Mapping[str, Any]],
    against: Mapping[str, Mapping[str, Scores]],
    weights: str,
) -> tuple[str, str]:
    """Return the verdict as a short label and as a sentence.

    Args:
        difference: mean difference in accuracy (vgg minus scratch), low, high and
            half_width; None where undefined.
        design: n_pictures, n_patients, repeats and folds.
        classes: number of classes among the pictures.
        training: for each network, ROC AUC on the images that it was trained on, and
            whether it learned.
        against: differences between each network and each null baseline.
        weights: source of VGG-16's weights, imagenet or random.
    """
    word, sentence = _undecided(difference, design, classes)
    unlearned = {name: row for name, row in training.items() if not row["learned"]}
    if unlearned:
        word, sentence = verdict.did_not_learn(unlearned, weights)
    elif not word:
        word, sentence = _decided(difference, design, weights)
        if all(verdict.BLIND in found for found in against.values()):
            above = [n for n in against if verdict.beats(against[n][verdict.BLIND])]
            sentence += f"; {verdict.against_file_facts(above, weights)}"
    return word, f"{sentence}."


def _undecided(
    difference: Scores, design: Mapping[str, int], classes: int
) -> tuple[str, str]:
    """Return label and sentence if there is no verdict, otherwise empty texts."""
    n, patients = design["n_pictures"], design["n_patients"]
    if n < FEWEST:
        few = f"No verdict: {n} pictures are too few, at least {FEWEST} are needed"
        return "too few pictures", few
    if patients < min(n, FEWEST_PATIENTS):
        few = (
            f"No verdict: {n} pictures of {patients} patients; where patients have "
            f"several pictures, at least {FEWEST_PATIENTS} patients are needed"
        )
        return "too few patients", few
    if classes < 2:
        return "one class", "No verdict: all pictures are of one class"
    if difference["low"] is None:
        same = (
            "No verdict: the difference in accuracy is "
            f"{signed(difference['difference'])} in every fold; without spread it has "
            "no interval"
        )
        return NO_SPREAD, same
    return "", ""


def _decided(
    difference: Scores, design: Mapping[str, int], weights: str
) -> tuple[str, str]:
    names = labels.networks(weights)
    low, high = difference["low"] or 0.0, difference["high"] or 0.0
    n, patients = design["n_pictures"], design["n_patients"]
    cases = f"{n} pictures" + (f" of {patients} patients" if patients < n else "")
    numbers = (
        f"mean difference {signed(difference['difference'])}, 95 % interval "
        f"{signed(low)} to {signed(high)}, half-width "
        f"{signed(difference['half_width'])} (accuracy of {names['vgg']}, minus that "
        f"of the {names['scratch']}, in {design['repeats']} × {design['folds']} folds)"
    )
    if low <= 0 <= high:
        return "not separable", f"Not separable on {cases}: {numbers}"
    vgg, scratch = f"{names['vgg']},", names["scratch"]
    if low > 0:
        word, claim = "vgg better", f"{vgg} is better than the {scratch}"
    else:
        word, claim = "scratch better", f"The {scratch} is better than {vgg}"
    return word, f"{claim} on {cases}: {numbers}"
