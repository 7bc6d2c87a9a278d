"""ROC, precision-recall and calibration curves, confusion rows of one classifier."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn import metrics

from brain_mri.evidence import intervals
from brain_mri.evidence.observations import observed, per_picture

DIGITS = 6  # hides differences between machines in the last bits


def roc_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the ROC curve, each picture counted once: columns fpr, tpr, threshold.

    The first threshold is infinite by definition and is written as an empty cell. With
    one class only, the table has no rows.
    """
    rows = per_picture(predictions)
    if rows["y_true"].nunique() < 2:
        return pd.DataFrame({"fpr": [], "tpr": [], "threshold": []})
    fpr, tpr, threshold = metrics.roc_curve(rows["y_true"], rows["y_score"])
    threshold[0] = np.nan
    table = pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold})
    return table.round(DIGITS)


def pr_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the precision-recall curve, each picture counted once.

    Columns recall and precision; no rows if a class is missing. At recall 0 the
    precision is that of the highest scores. scikit-learn's 1 there belongs to no
    threshold and would draw a drop where the highest scores are wrong.
    """
    y_true, y_score, _ = observed(predictions)
    if len(np.unique(y_true)) < 2:
        return pd.DataFrame({"recall": [], "precision": []})
    precision, recall, _ = metrics.precision_recall_curve(y_true, y_score)
    precision[-1] = precision[-2]
    return pd.DataFrame({"recall": recall, "precision": precision}).round(DIGITS)


def calibration(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the mean score and the observed share of tumours in each bin.

    Bins are equal ranges of the score: 5 below 500 pictures, 10 from 500 on. Empty bins
    are left out.

    Returns:
        Columns n (pictures), y_score (mean), observed, low, high (Wilson).
    """
    y_true, y_score, _ = observed(predictions)
    bins = 5 if len(y_true) < 500 else 10
    bin_of = np.minimum((y_score * bins).astype(np.int64), bins - 1)
    table = pd.DataFrame({"bin": bin_of, "y_true": y_true, "y_score": y_score})
    table = table.groupby("bin").agg(
        n=("y_true", "size"), k=("y_true", "sum"), y_score=("y_score", "mean")
    )
    low, high = intervals.wilson(table["k"], table["n"])
    table = table.assign(observed=table["k"] / table["n"], low=low, high=high)
    return table.drop(columns="k").reset_index(drop=True).round(DIGITS)


def calibration_error(bins: pd.DataFrame) -> float:
    """Return the expected calibration error of the bins that `calibration` made.

    Naeini et al. 2015, https://ojs.aaai.org/index.php/AAAI/article/view/9602. With a
    few dozen pictures it is mostly noise: the chart shows it, no decision uses it.
    """
    gaps = (bins["y_score"] - bins["observed"]).abs()
    return float(np.average(gaps, weights=bins["n"])) if len(bins) else float("nan")


def confusion_rows(
    predictions: pd.DataFrame, classes: Sequence[str], threshold: float
) -> pd.DataFrame:
    """Return columns actual and predicted, class names, one row per picture."""
    y_true, y_score, _ = observed(predictions)
    names = np.asarray(classes)
    called = (y_score >= threshold).astype(int)
    return pd.DataFrame({"actual": names[y_true], "predicted": names[called]})
