"""Put results into words and tables: names, numbers, intervals, what beats what."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brain_mri.evidence import labels, verdict
from brain_mri.evidence.comparison import HEADLINE
from brain_mri.evidence.labels import BASELINES, signed
from brain_mri.files.names import NETWORKS
from brain_mri.files.predictions import VERDICT_THRESHOLD

Scores = Mapping[str, float | int | None]

DRAWN = Path("data/phantom")  # the data set of which `limits` says that it is drawn
# What holds of every run.
LIMITS = (
    "The intervals cover which groups happened to be tested. They do not cover another "
    "split or training again: a seed or another processor moves the numbers too.",
    "Where one class is rare, a tenth of the groups or fewer, the interval of the ROC "
    "AUC is too narrow.",
    "Groups are found by looks, by the patient that a DICOM file names and by what a "
    "person writes into review.csv. Two scans of one patient that look different and "
    "name nobody are not joined.",
    "Labels are taken as they came. What is labelled no may be ill in other ways.",
    "All parts come from one collection. How the networks do in another hospital, with "
    "other scanners or another share of tumours, is not tested.",
    "A network may use what is not brain: sequence, sharpness, markings, size. The "
    "null baselines show how far that goes; Grad-CAM is too coarse to rule it out.",
    "Single slices of 8 bits, shrunk: far less than a radiologist sees.",
)


def names(weights: str) -> dict[str, str]:
    """Return what to call the two networks and the null baselines."""
    return {**labels.networks(weights), **BASELINES}


def number(value: float | int | None, digits: int = 3) -> str:
    """Write a metric; None is said to be undefined."""
    if value is None:
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def p_value(value: float | None) -> str:
    """Write what follows the letter p; three digits cannot tell a tiny one from 0."""
    if value is None:
        return "undefined"
    text = f"= {value:.3f}" if value >= 0.001 else "< 0.001"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def with_interval(scores: Scores, metric: str) -> str:
    """Write a metric with its 95 % interval, two digits each."""
    value, low, high = (scores[f"{metric}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return "undefined"
    limits = "no interval" if low is None else f"{low:.2f} to {high:.2f}"
    return f"{value:.2f} ({limits})"


def headline(
    scores: Mapping[str, Scores], called: Mapping[str, str]
) -> list[dict[str, object]]:
    """Return a row a classifier: name, right of n, and metrics with their intervals."""
    rows: list[dict[str, object]] = []
    for model, test in scores.items():
        metrics = ("accuracy", "sensitivity", "specificity", "roc_auc")
        cells = {metric: with_interval(test, metric) for metric in metrics}
        counted = f"{_right(test)} of {test['n_groups']}"
        row = {"name": called[model], "null": model in BASELINES, "right": counted}
        rows.append(row | cells)
    return rows


def side_by_side(scores: Mapping[str, Scores], called: Mapping[str, str]) -> str:
    """Return a Markdown table of the test metrics, a row a metric, a column a model."""
    rows = [
        "| test | " + " | ".join(called[model] for model in scores) + " |",
        "| --- |" + " ---: |" * len(scores),
    ]
    for metric in (*HEADLINE, "tp", "fp", "fn", "tn", "n_groups"):
        cells = (_cell(test, metric) for test in scores.values())
        rows.append(f"| {metric.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def blind(
    compared: Mapping[str, Any],
    scores: Mapping[str, Scores],
    called: Mapping[str, str],
) -> str:
    """Say how many groups are got right without a look at the brain, and with one.

    At the threshold of the verdict and of the baselines.

    Args:
        compared: what metrics/comparison.csv holds.
        scores: of the test part, for each null baseline.
        called: for each classifier what to call it.
    """
    n, paired = compared["n_groups"], compared["paired"]
    majority, facts = (_right(scores[name]) for name in ("majority", "file_facts"))
    networks = "; ".join(
        f"{called[model]}: {paired['both_right'] + paired[f'{model}_only']}"
        for model in NETWORKS
    )
    return (
        f"Right without a look at the brain: {majority} of {n} test groups by the "
        f"majority class, {facts} by file facts only. Right with one: {networks}."
    )


def one_answer(scores: Mapping[str, Scores], called: Mapping[str, str]) -> list[str]:
    """Name the networks that give the same answer to every test group."""
    said = []
    for model in NETWORKS:
        test = scores[model]
        called_yes = int(test["tp"] or 0) + int(test["fp"] or 0)
        if called_yes in (0, test["n_groups"]):
            answer = "a tumour" if called_yes else "no tumour"
            said.append(
                f"{called[model]} says “{answer}” of every test group: it tells none "
                "from another at this threshold."
            )
    return said


def unbeaten(compared: Mapping[str, Any], called: Mapping[str, str]) -> list[str]:
    """Say of each network which null baselines it does not beat, if any.

    Args:
        compared: what metrics/comparison.csv holds; under `baselines`, for each
            network and baseline, difference (network minus baseline), low and high.
        called: for each what to call it.
    """
    if compared["verdict"] in verdict.UNDECIDED:
        return ["Against the null baselines there is no verdict either."]
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


def learnt(compared: Mapping[str, Any], called: Mapping[str, str]) -> list[str]:
    """Say of each network how well it ranks the images that it was trained on.

    Args:
        compared: what metrics/comparison.csv holds.
        called: for each classifier what to call it.
    """
    sentences = []
    for model, found in compared["training"].items():
        area = with_interval(found, "roc_auc")
        word = "It learnt them" if found["learned"] else "It did not learn"
        sentences.append(
            f"{called[model]}: ROC AUC {area} on its own {found['n_groups']} training "
            f"groups, without their variants. {word}."
        )
    return sentences


def enlarged(shares: Mapping[str, float], image_size: int) -> str:
    """Say which share of each class had to be enlarged to the size of the crops.

    Args:
        shares: by class, in [0, 1].
        image_size: side of the crops, px.
    """
    told = " and ".join(f"{100 * x:.0f} % of “{label}”" for label, x in shares.items())
    return (
        f"Enlarged to reach {image_size} px: {told}. What is enlarged is softer, so "
        "where these shares differ a network can tell the classes by that."
    )


def is_drawn(dataset: Path) -> bool:
    """Say whether a data set is the embedded phantoms, however its path is written."""
    return Path(os.path.normpath(dataset)) == DRAWN


def limits(weights: str, drawn: bool) -> list[str]:
    """Say what the result must not be taken for, the gravest first."""
    notes = []
    if drawn:
        notes.append(
            "The images are drawn phantoms: the numbers show that the pipeline works "
            "and say nothing about patients."
        )
    if weights != "imagenet":
        notes.append(
            "The convolutions of VGG-16 are random, a control: this says nothing about "
            "a pretrained VGG-16."
        )
    return notes


def two_thresholds(threshold: float) -> list[str]:
    """Say which numbers stand at which threshold, where there are two."""
    if threshold == VERDICT_THRESHOLD:
        return []
    return [
        f"In the tables a network calls a tumour from a score of {threshold:g} on. The "
        "verdict, the paired table, the null baselines and what is said of beating "
        f"them stay at {VERDICT_THRESHOLD:g}."
    ]


def plain(text: str) -> str:
    """Escape a name for Markdown: one line, no mark-up, no HTML."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"([\\`*_{}\[\]()<>#|!&])", r"\\\1", line).replace("\\<", "&lt;")


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
