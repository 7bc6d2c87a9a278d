"""Draw the charts of the evidence page from the tables of the cross-validation."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brain_mri.evidence import labels
from brain_mri.report.figures import BASELINE, COLOURS, LINES, MARKS, WIDTH, legend

EDGES = "#009E73"  # Okabe & Ito's bluish green
LEARNERS = {"scratch": COLOURS["scratch"], "vgg": COLOURS["vgg"], "edges": EDGES}
DODGE = 0.5  # height that the dots of one repeat take, so that equal ones can be seen


def forest(
    folds: Mapping[str, pd.Series],
    repeats: Mapping[str, float],
    overall: Mapping[str, Any],
    rope: float,
) -> Figure:
    """Draw the difference in accuracy of every fold, every repeat and overall.

    Args:
        folds: for each repeat, the differences of its folds, NaN where undefined.
        repeats: for each repeat, the difference over all its pictures.
        overall: difference, low and high; limits that are None are left out.
        rope: differences up to this count as equal in practice.
    """
    figure, axis = plt.subplots(
        figsize=(WIDTH, 1.4 + 0.62 * len(folds)), layout="constrained"
    )
    axis.axvspan(-rope, rope, color="0.88", linewidth=0)
    axis.axvline(0, color="0.5", linewidth=1)
    for place, (repeat, values) in enumerate(folds.items()):
        heights = place + np.linspace(-DODGE / 2, DODGE / 2, len(values))
        axis.plot(values, heights, "o", color=BASELINE, alpha=0.7, markersize=4)
        axis.plot(repeats[repeat], place, "D", color="black", markersize=7)
    _overall(axis, len(folds), overall)
    names = [*(f"repeat {repeat}" for repeat in folds), "all"]
    reach = 1.15 * max(np.nanmax(np.abs(np.concatenate([*folds.values()]))), rope)
    axis.set(xlim=(-reach, reach), ylim=(len(folds) + 0.5, -0.6))
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("accuracy of VGG-16 minus that of the CNN")
    axis.set_title("← CNN better        VGG-16 better →", fontsize=9)
    axis.locator_params(axis="x", nbins=5)  # labels of more run into each other
    axis.grid(axis="x", alpha=0.3)
    return figure


def learning(
    curves: Mapping[str, Mapping[str, Mapping[str, Any]]],
    names: Mapping[str, str],
    metric: str,
) -> Figure:
    """Draw a metric against the number of training pictures, with 95 % bands.

    Args:
        curves: for each classifier and share, n_train and the metric with its _low and
            _high; what is None is left out.
        names: the display name of each classifier.
        metric: accuracy or roc_auc.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2), layout="constrained")
    for model, points in curves.items():
        columns = ("n_train", metric, f"{metric}_low", f"{metric}_high")
        rows = [[point[column] for column in columns] for point in points.values()]
        n_train, value, low, high = np.array(rows, float).T
        colour = LEARNERS[model]
        axis.fill_between(n_train, low, high, color=colour, alpha=0.12, linewidth=0)
        axis.plot(
            n_train,
            value,
            LINES.get(model, ":"),
            marker=MARKS.get(model, "D"),
            color=colour,
            label=names[model],
        )
    axis.axhline(0.5, color="0.7", linestyle=":", linewidth=1)
    axis.set(xlabel="training pictures", ylabel=labels.METRICS[metric])
    axis.set(ylim=(None, 1.02), xlim=(0, None))
    axis.grid(alpha=0.3)
    return legend(figure)


def _overall(axis: Axes, place: int, found: Mapping[str, Any]) -> None:
    low, high = found["low"], found["high"]
    if low is not None and high is not None:
        axis.plot((low, high), (place, place), color="black", linewidth=2.5)
    axis.plot(found["difference"], place, "D", color="black", markersize=9)
