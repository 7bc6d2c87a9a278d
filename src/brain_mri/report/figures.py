"""Draw the charts of the report from the result tables."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brain_mri.evidence import curves, labels
from brain_mri.files.names import CLASSES
from brain_mri.files.writing import writing

# Okabe & Ito's palette, safe for colour-blind readers, https://jfly.uni-koeln.de/color
SCRATCH, VGG, BASELINE = "#0072B2", "#D55E00", "#595959"
COLOURS = {"scratch": SCRATCH, "vgg": VGG}
# Distinguishable without colour too.
LINES = {"scratch": "-", "vgg": "--"}
MARKS = {"scratch": "o", "vgg": "s"}


def save(figure: Figure, path: Path) -> None:
    """Write a reproducible PNG, without date and version."""
    with writing(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    plt.close(figure)


def intervals(
    scores: Mapping[str, Mapping[str, float | None]],
    names: Mapping[str, str],
    first: str = "accuracy",
) -> Figure:
    """Draw a metric and ROC AUC of every classifier with their 95 % intervals.

    Args:
        scores: for each classifier, both metrics with their _low and _high; a value
            that is None is shown as undefined, limits that are None are left out.
        names: the display name of each classifier.
        first: the metric beside ROC AUC, accuracy or balanced_accuracy.
    """
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 1 + 0.45 * len(scores)), layout="constrained", sharey=True
    )
    for axis, metric in zip(axes, (first, "roc_auc"), strict=True):
        for place, (model, values) in enumerate(scores.items()):
            _interval(axis, place, model, metric, values)
        axis.axvline(0.5, color="0.7", linestyle=":", linewidth=1)
        axis.set(xlim=(-0.02, 1.02), xlabel=labels.METRICS[metric])
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(scores)), [names[model] for model in scores])
    axes[0].set_ylim(len(scores) - 0.5, -0.5)
    return figure


def training(histories: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> Figure:
    """Draw loss and accuracy against the epoch, one row per network.

    Args:
        histories: for each network, columns epoch, loss, accuracy, val_loss and
            val_accuracy.
        names: the display name of each network.
    """
    figure, axes = plt.subplots(
        len(histories), 2, figsize=(9, 2.9 * len(histories)), layout="constrained"
    )
    for row, (model, history) in zip(axes, histories.items(), strict=True):
        marker = "." if len(history) == 1 else ""  # one epoch makes no line
        for axis, metric in zip(row, ("loss", "accuracy"), strict=True):
            for part, style in (("", "-"), ("val_", "--")):
                axis.plot(
                    history["epoch"],
                    history[f"{part}{metric}"],
                    style,
                    marker=marker,
                    color=COLOURS[model],
                    alpha=1 if part else 0.6,
                    label="validation" if part else "training",
                )
            axis.set(xlabel="epoch", ylabel=metric, title=names[model])
            axis.locator_params(axis="x", integer=True, min_n_ticks=1)
            axis.grid(alpha=0.3)
        row[0].set_ylim(0, 1.1 * history[["loss", "val_loss"]].to_numpy().max())
        row[1].set_ylim(0, 1.02)
        row[1].legend(frameon=False, loc="lower right")
    return figure


def confusions(
    scores: Mapping[str, Mapping[str, float | None]], names: Mapping[str, str]
) -> Figure:
    """Draw the confusion matrices of the test part, as counts of pictures.

    Args:
        scores: for each model, tp, fp, fn and tn.
        names: the display name of each model.
    """
    figure, axes = plt.subplots(
        1, len(scores), figsize=(4.2 * len(scores), 3.8), layout="constrained"
    )
    for axis, (model, test) in zip(axes, scores.items(), strict=True):
        counts = np.array([[test["tn"], test["fp"]], [test["fn"], test["tp"]]], int)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (i, j), count in np.ndenumerate(counts):
            colour = "white" if shares[i, j] > 0.5 else "black"
            text = f"{count}\n{shares[i, j]:.0%}"
            axis.text(j, i, text, ha="center", va="center", color=colour, fontsize=12)
        axis.set_xticks((0, 1), CLASSES)
        axis.set_yticks((0, 1), CLASSES)
        axis.set(xlabel="predicted tumour", ylabel="true tumour", title=names[model])
    return figure


def roc(points: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> Figure:
    """Draw the ROC curves of the test part in one chart."""
    figure, axis = _square("1 − specificity", "sensitivity", "ROC")
    axis.plot((0, 1), (0, 1), ":", color="0.5", linewidth=1)
    for model, curve in points.items():
        axis.plot(
            curve["fpr"],
            curve["tpr"],
            LINES[model],
            color=COLOURS[model],
            label=names[model],
        )
    _say_undefined(axis, points)
    return _legend(figure)


def precision_recall(
    points: Mapping[str, pd.DataFrame], share: float, names: Mapping[str, str]
) -> Figure:
    """Draw the precision-recall curves of the test part.

    Args:
        points: for each model, columns recall and precision.
        share: share of tumours among the test pictures, the precision of guessing.
        names: the display name of each model.
    """
    figure, axis = _square("sensitivity (recall)", "precision", "Precision and recall")
    axis.axhline(share, linestyle=":", color="0.5", linewidth=1)
    for model, curve in points.items():
        axis.step(
            curve["recall"],
            curve["precision"],
            LINES[model],
            where="post",
            color=COLOURS[model],
            label=names[model],
        )
    _say_undefined(axis, points)
    return _legend(figure)


def calibration(bins: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> Figure:
    """Draw the observed share of tumours against the mean score, with Wilson intervals.

    Args:
        bins: for each model, the table that `curves.calibration` returns.
        names: the display name of each model.
    """
    figure, axis = _square("mean score", "observed share of tumours", "Calibration")
    axis.plot((0, 1), (0, 1), ":", color="0.5", linewidth=1)
    for model, table in bins.items():
        error = curves.calibration_error(table)
        observed = table["observed"]
        axis.errorbar(
            table["y_score"],
            observed,
            yerr=(observed - table["low"], table["high"] - observed),
            fmt=MARKS[model],
            color=COLOURS[model],
            capsize=3,
            label=f"{names[model]} (ECE {error:.2f})",
        )
        for row in table.itertuples():
            above = model == "scratch" and row.observed < 0.95  # otherwise off the axes
            axis.annotate(
                f"{row.n}",
                (row.y_score, row.observed),
                xytext=(5, 5 if above else -11),
                textcoords="offset points",
                fontsize=8,
                color=COLOURS[model],
            )
    return _legend(figure)


def _interval(
    axis: Axes,
    place: int,
    model: str,
    metric: str,
    values: Mapping[str, float | None],
) -> None:
    value, low, high = (values[f"{metric}{end}"] for end in ("", "_low", "_high"))
    colour = COLOURS.get(model, BASELINE)
    if value is None:
        axis.text(0.02, place, "undefined", va="center", color=colour, fontsize=9)
        return
    if low is not None and high is not None:
        axis.plot((low, high), (place, place), color=colour, linewidth=2)
    axis.plot(value, place, MARKS.get(model, "D"), color=colour, markersize=6)
    axis.text(value, place - 0.2, f"{value:.2f}", ha="center", fontsize=8, color=colour)


def _square(x: str, y: str, title: str) -> tuple[Figure, Axes]:
    figure, axis = plt.subplots(figsize=(4.6, 5), layout="constrained")
    axis.set(xlabel=x, ylabel=y, title=title, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axis.set_aspect("equal")
    axis.grid(alpha=0.3)
    return figure, axis


def _say_undefined(axis: Axes, points: Mapping[str, pd.DataFrame]) -> None:
    if all(curve.empty for curve in points.values()):
        axis.text(0.5, 0.6, "undefined: one class only", ha="center")


def _legend(figure: Figure) -> Figure:
    """Put the legend below the axes, where it hides no curve."""
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    return figure
