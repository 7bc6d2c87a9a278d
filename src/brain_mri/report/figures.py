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
WIDTH = 4.6  # inches: two charts side by side on a screen, one on a phone


def save(figure: Figure, path: Path) -> None:
    """Write a reproducible PNG, without date and version."""
    with writing(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    plt.close(figure)


def interval(
    scores: Mapping[str, Mapping[str, float | None]],
    names: Mapping[str, str],
    metric: str,
) -> Figure:
    """Draw one metric of every classifier with its 95 % interval.

    Args:
        scores: for each classifier, or `classifier.place`, the metric with its _low and
            _high; a value that is None is shown as undefined, limits that are None are
            left out.
        names: the display name of each.
        metric: its name, such as accuracy.
    """
    figure, axis = plt.subplots(
        figsize=(WIDTH, 0.7 + 0.5 * len(scores)), layout="constrained"
    )
    for place, (model, values) in enumerate(scores.items()):
        classifier = model.partition(".")[0]
        _interval(axis, place, classifier, names[model], metric, values)
    axis.axvline(0.5, color="0.7", linestyle=":", linewidth=1)
    axis.set(xlim=(-0.02, 1.02), ylim=(len(scores) - 0.6, -0.75), yticks=[])
    axis.set_xlabel(labels.METRICS[metric])
    axis.grid(axis="x", alpha=0.3)
    return figure


def training(history: pd.DataFrame, model: str, name: str) -> Figure:
    """Draw loss and accuracy of one network against the epoch.

    Args:
        history: columns epoch, loss, accuracy, val_loss and val_accuracy.
        model: scratch or vgg.
        name: its display name.
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 5), layout="constrained")
    marker = "." if len(history) == 1 else ""  # one epoch makes no line
    for axis, metric in zip(axes, ("loss", "accuracy"), strict=True):
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
        axis.set(xlabel="epoch", ylabel=metric)
        axis.locator_params(axis="x", integer=True, min_n_ticks=1)
        axis.grid(alpha=0.3)
    axes[0].set_title(name)
    axes[0].set_ylim(0, 1.1 * history[["loss", "val_loss"]].to_numpy().max())
    axes[1].set_ylim(0, 1.02)
    axes[1].legend(frameon=False, loc="lower right")
    return figure


def confusion(test: Mapping[str, float | None], name: str) -> Figure:
    """Draw the confusion matrix of the test part, as counts of pictures.

    Args:
        test: tp, fp, fn and tn of one network.
        name: its display name.
    """
    figure, axis = plt.subplots(figsize=(4.2, 3.8), layout="constrained")
    counts = np.array([[test["tn"], test["fp"]], [test["fn"], test["tp"]]], int)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1.6)  # black is legible on all
    for (i, j), count in np.ndenumerate(counts):
        text = f"{count}\n{shares[i, j]:.0%}"
        axis.text(j, i, text, ha="center", va="center", fontsize=12)
    axis.set_xticks((0, 1), CLASSES)
    axis.set_yticks((0, 1), CLASSES)
    axis.set(xlabel="predicted tumour", ylabel="true tumour", title=name)
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
    return legend(figure)


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
    return legend(figure)


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
    return legend(figure)


def legend(figure: Figure) -> Figure:
    """Put the legend below the axes, where it hides no curve."""
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    return figure


def _interval(
    axis: Axes,
    place: int,
    model: str,
    name: str,
    metric: str,
    values: Mapping[str, float | None],
) -> None:
    value, low, high = (values[f"{metric}{end}"] for end in ("", "_low", "_high"))
    colour = COLOURS.get(model, BASELINE)
    told = "undefined" if value is None else f"{value:.2f}"
    # the name stands above its line, so that the chart fits a phone
    axis.text(0, place - 0.25, f"{name}: {told}", va="bottom", fontsize=9, color=colour)
    if value is None:
        return
    if low is not None and high is not None:
        axis.plot((low, high), (place, place), color=colour, linewidth=2)
    axis.plot(value, place, MARKS.get(model, "D"), color=colour, markersize=6)


def _square(x: str, y: str, title: str) -> tuple[Figure, Axes]:
    figure, axis = plt.subplots(figsize=(WIDTH, 5), layout="constrained")
    axis.set(xlabel=x, ylabel=y, title=title, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axis.set_aspect("equal")
    axis.grid(alpha=0.3)
    return figure, axis


def _say_undefined(axis: Axes, points: Mapping[str, pd.DataFrame]) -> None:
    if all(curve.empty for curve in points.values()):
        axis.text(0.5, 0.6, "undefined: one class only", ha="center")
