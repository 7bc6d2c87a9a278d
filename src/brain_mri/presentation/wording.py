"""Write the sentences and tables of the report from the results."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brain_mri.evidence import labels, needed, rule, verdict
from brain_mri.evidence.comparison import HEADLINE
from brain_mri.evidence.labels import BASELINES, signed
from brain_mri.files.names import CLASSES, NETWORKS
from brain_mri.files.predictions import VERDICT_THRESHOLD

Scores = Mapping[str, float | int | None]

DRAWN = Path("data/phantom")  # `limits` notes that this data set is drawn
DRAWN_ELSEWHERE = Path("data/phantom_elsewhere")  # default of external.dataset
RARE = 0.2  # a convention: with a smaller share of test pictures a class is called rare
# Columns of the headline table; the chart beside it shows the first and ROC AUC.
COLUMNS = ("accuracy", "sensitivity", "specificity", "roc_auc")
COLUMNS_RARE = ("balanced_accuracy", "roc_auc", "sensitivity", "specificity")
# Limits of any result on these data.
DATA_LIMITS = (
    "Copies of a picture are found by similarity; patients are known only from DICOM "
    "files and the data set's table. Two pictures of one patient may lie in two parts "
    "if neither links them.",
    "Labels are used as supplied. Images labelled “no” may show other diseases.",
    "A network may use cues outside the brain: sequence, sharpness, markings, size. "
    "The null baselines show how far such cues go; Grad-CAM is too coarse to rule them "
    "out.",
    "The networks see single 8-bit slices at reduced size: far less than a radiologist "
    "sees.",
)
# Limits that apply to every run.
LIMITS = (
    "The intervals cover the sampling of test pictures and patients only. Another "
    "split, another seed and another processor also change the numbers.",
    "If one class is rare (a tenth of the pictures or fewer), the interval of the ROC "
    "AUC is too narrow.",
    "All parts come from one collection. Performance in another hospital, with other "
    "scanners or another share of tumours, is not tested.",
    *DATA_LIMITS,
)


def names(weights: str) -> dict[str, str]:
    """Return the display names of the two networks and the null baselines."""
    return {**labels.networks(weights), **BASELINES}


def number(value: float | int | None, digits: int = 3) -> str:
    """Format a metric; None becomes "undefined"."""
    if value is None:
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def p_value(value: float | None) -> str:
    """Format a p-value with its relation sign; below 0.001 it is "< 0.001"."""
    if value is None:
        return "undefined"
    text = f"= {value:.3f}" if value >= 0.001 else "< 0.001"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def with_interval(scores: Scores, metric: str) -> str:
    """Format a metric with its 95 % interval, two decimals each."""
    value, low, high = (scores[f"{metric}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return "undefined"
    limits = "no interval" if low is None else f"{low:.2f} to {high:.2f}"
    return f"{value:.2f} ({limits})"


def difference(found: Scores | None) -> str:
    """Format a difference with its 95 % interval; nothing without a difference."""
    if found is None:
        return ""
    if found["low"] is None:
        return f"{signed(found['difference'])} (no interval)"
    limits = f"{signed(found['low'])} to {signed(found['high'])}"
    return f"{signed(found['difference'])} ({limits})"


def pictures_needed(found: int | None) -> str:
    """Format the number of pictures that a difference needs; None is too many."""
    return f"more than {needed.MOST:,}" if found is None else f"{found:,}"


def headline(
    scores: Mapping[str, Scores],
    called: Mapping[str, str],
    verdict_metric: str = "accuracy",
) -> list[dict[str, object]]:
    """Return one row per classifier: name, right of n, metrics with intervals."""
    rows: list[dict[str, object]] = []
    for model, test in scores.items():
        shown = columns(test, verdict_metric)
        cells = {metric: with_interval(test, metric) for metric in shown}
        counted = f"{_right(test)} of {test['n_pictures']}"
        row = {"name": called[model], "null": model in BASELINES, "right": counted}
        rows.append(row | cells)
    return rows


def by_patient(
    compared: Mapping[str, Any], called: Mapping[str, str]
) -> list[dict[str, object]]:
    """Return one row per network: name, right of n patients, metrics with intervals.

    The list is empty if every patient has one picture.
    """
    rows: list[dict[str, object]] = []
    for model, scores in compared.get("by_patient", {}).items():
        metrics = ("accuracy", "sensitivity", "specificity")
        cells = {metric: with_interval(scores, metric) for metric in metrics}
        counted = f"{_right(scores)} of {scores['n_patients']}"
        rows.append({"name": called[model], "right": counted, **cells})
    return rows


def columns(test: Scores, verdict_metric: str = "accuracy") -> tuple[str, ...]:
    """Return the metrics of the headline table, the most important first.

    Args:
        test: scores of any classifier on the test part.
        verdict_metric: accuracy or balanced_accuracy.
    """
    leads = _rare(test) or verdict_metric == rule.BALANCED
    return COLUMNS_RARE if leads else COLUMNS


def rare_class(test: Scores, verdict_metric: str = "accuracy") -> list[str]:
    """Say why the headline table leads with other metrics, if a class is rare.

    Args:
        test: scores of any classifier on the test part.
        verdict_metric: accuracy or balanced_accuracy.
    """
    found = _rare(test)
    if found is None:
        return []
    name, count = found
    compares = "The verdict still compares accuracy."
    if verdict_metric == rule.BALANCED:
        compares = "The verdict compares balanced accuracy."
    return [
        f"“{name}” is rare ({count} of {test['n_pictures']} test pictures), so the "
        "table leads with balanced accuracy and ROC AUC: accuracy would be high even "
        f"if no picture were called “{name}”. {compares}"
    ]


def side_by_side(scores: Mapping[str, Scores], called: Mapping[str, str]) -> str:
    """Return a Markdown table of the test metrics: rows are metrics, columns models."""
    rows = [
        "| test | " + " | ".join(called[model] for model in scores) + " |",
        "| --- |" + " ---: |" * len(scores),
    ]
    for metric in (*HEADLINE, "tp", "fp", "fn", "tn", "n_pictures"):
        cells = (_cell(test, metric) for test in scores.values())
        rows.append(f"| {metric.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def blind(
    compared: Mapping[str, Any],
    scores: Mapping[str, Scores],
    called: Mapping[str, str],
) -> str:
    """Return the metric of the verdict without and with the image.

    The metric is the number of correct pictures, or the balanced accuracy. The
    threshold is that of the verdict and of the baselines.

    Args:
        compared: the content of metrics/comparison.csv.
        scores: for each null baseline, its scores on the test part.
        called: the display name of each classifier.
    """
    if rule.metric_of(compared) == rule.BALANCED:
        return _blind_balanced(compared, scores, called)
    n, paired = compared["n_pictures"], compared["paired"]
    majority, facts = (_right(scores[name]) for name in ("majority", "file_facts"))
    networks = "; ".join(
        f"{called[model]}: {paired['both_right'] + paired[f'{model}_only']}"
        for model in NETWORKS
    )
    return (
        f"Correct without looking at the brain: {majority} of {n} test pictures by the "
        f"majority class, {facts} by file facts only. "
        f"Correct from the image: {networks}."
    )


def one_answer(scores: Mapping[str, Scores], called: Mapping[str, str]) -> list[str]:
    """Name the networks that give the same answer for every test picture."""
    said = []
    for model in NETWORKS:
        test = scores[model]
        called_yes = int(test["tp"] or 0) + int(test["fp"] or 0)
        if called_yes in (0, test["n_pictures"]):
            answer = "a tumour" if called_yes else "no tumour"
            said.append(
                f"{called[model]} says “{answer}” for every test picture: at this "
                "threshold it does not tell them apart."
            )
    return said


def unbeaten(compared: Mapping[str, Any], called: Mapping[str, str]) -> list[str]:
    """Name for each network the null baselines that it does not beat.

    Args:
        compared: the content of metrics/comparison.csv; under `baselines`, for each
            network and baseline, difference (network minus baseline), low and high.
        called: the display name of each network.
    """
    if compared["verdict"] in verdict.UNDECIDED:
        return ["There is no verdict against the null baselines either."]
    sentences = []
    for model, by_baseline in compared["baselines"].items():
        lost = {n: d for n, d in by_baseline.items() if not verdict.beats(d)}
        if not lost:
            text = f"{called[model]}: better than every null baseline."
        else:
            named = "; ".join(
                f"{BASELINES[name].removeprefix('Null: ')} ({_difference(d)})"
                for name, d in lost.items()
            )
            text = f"{called[model]}: not shown to be better than {named}."
        sentences.append(text)
    return sentences


def as_given(compared: Mapping[str, Any], called: Mapping[str, str]) -> list[str]:
    """State what a split that came with the data leaks, and the scores that hide it.

    Args:
        compared: the content of metrics/comparison.csv; `as_given` is there only if
            the given split leaks.
        called: the display name of each network.
    """
    found = compared.get("as_given")
    if not found:
        return []
    scores = " and ".join(f"{called[m]} {found[m]:.2f}" for m in NETWORKS)
    n, leaked = found["n_images"], found["n_leaked"]
    return [
        f"The split came with the data and leaks: of its {n} test images, {leaked} "
        "show a picture or a patient that training or validation holds. The verdict "
        f"leaves them out. As given, leaky, the accuracy by image would be: {scores}."
    ]


def volumes(audit: Mapping[str, Any]) -> list[str]:
    """State the unit of the result if slices of volumes are joined.

    Args:
        audit: the counts of the audit.
    """
    if not audit["volume_pairs"]:
        return []
    return [
        "Slices of volumes: the label is of the volume, and not every slice shows what "
        "it says. All slices of a patient count as one picture, by the mean of their "
        "scores."
    ]


def learnt(compared: Mapping[str, Any], called: Mapping[str, str]) -> list[str]:
    """State for each network how well it ranks its training images.

    Args:
        compared: the content of metrics/comparison.csv.
        called: the display name of each classifier.
    """
    sentences = []
    for model, found in compared["training"].items():
        area = with_interval(found, "roc_auc")
        word = "It learnt them" if found["learned"] else "It did not learn"
        sentences.append(
            f"{called[model]}: ROC AUC {area} on its {found['n_pictures']} training "
            f"pictures, without augmentation. {word}."
        )
    return sentences


def enlarged(shares: Mapping[str, float], image_size: int) -> str:
    """State the share of each class that was enlarged to the size of the crops.

    Args:
        shares: share of enlarged crops by class, in [0, 1].
        image_size: side of the crops, px.
    """
    told = " and ".join(f"{100 * x:.0f} % of “{label}”" for label, x in shares.items())
    return (
        f"Crops enlarged to reach {image_size} px: {told}. Enlarging blurs, so if the "
        "shares differ a network can tell the classes apart by blur."
    )


def is_drawn(dataset: Path) -> bool:
    """Return whether a path, in any spelling, is that of the embedded phantoms."""
    return Path(os.path.normpath(dataset)) == DRAWN


def is_mechanics_only(trained: str, tested: str) -> bool:
    """Return whether the training collection or the one tested on is drawn."""
    drawn = {Path(os.path.normpath(folder)) for folder in (trained, tested)}
    return bool(drawn & {DRAWN, DRAWN_ELSEWHERE})


def limits(weights: str, drawn: bool) -> list[str]:
    """Return warnings about what the result does not show, most serious first."""
    notes = []
    if drawn:
        notes.append(
            "The images are drawn phantoms: the numbers show that the pipeline works "
            "and say nothing about patients."
        )
    if weights != "imagenet":
        notes.append(
            "The convolutions of VGG-16 are random, a control: the result says nothing "
            "about a pretrained VGG-16."
        )
    return notes


def two_thresholds(
    threshold: float, of_verdict: float = VERDICT_THRESHOLD
) -> list[str]:
    """State which numbers use which threshold, if there are two."""
    if threshold == of_verdict:
        return []
    return [
        f"In the tables a network calls a tumour at a score of {threshold:g} or above. "
        "The verdict, the paired table, the null baselines and the comparisons with "
        f"them use {of_verdict:.3g}."
    ]


def plain(text: str) -> str:
    """Escape a name for Markdown: one line, no markup, no HTML."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"([\\`*_{}\[\]()<>#|!&])", r"\\\1", line).replace("\\<", "&lt;")


def _blind_balanced(
    compared: Mapping[str, Any],
    scores: Mapping[str, Scores],
    called: Mapping[str, str],
) -> str:
    majority, facts = (
        number(scores[name][rule.BALANCED], 2) for name in ("majority", "file_facts")
    )
    networks = "; ".join(
        f"{called[model]}: {with_interval(compared['scores'][model], rule.BALANCED)}"
        for model in NETWORKS
    )
    return (
        f"Balanced accuracy without looking at the brain: {majority} by the majority "
        f"class, {facts} by file facts only. From the image: {networks}."
    )


def _rare(test: Scores) -> tuple[str, int] | None:
    """Return the name and the number of test pictures of a rare class; None if none is.

    A class without a test group is not rare: balanced accuracy is then undefined.
    """
    yes = int(test["tp"] or 0) + int(test["fn"] or 0)
    no = int(test["tn"] or 0) + int(test["fp"] or 0)
    count, name = min(zip((no, yes), CLASSES, strict=True))
    return (name, count) if 0 < count < RARE * (no + yes) else None


def _right(test: Scores) -> int:
    return int(test["tp"] or 0) + int(test["tn"] or 0)


def _difference(d: Scores) -> str:
    if d["low"] is None:
        return "difference undefined"
    return f"difference {signed(d['difference'])}, {signed(d['low'])} to " + signed(
        d["high"]
    )


def _cell(test: Scores, metric: str) -> str:
    if test.get(f"{metric}_low") is None:
        return number(test[metric])
    low, high = test[f"{metric}_low"], test[f"{metric}_high"]
    return f"{number(test[metric])} ({number(low, 2)}–{number(high, 2)})"
