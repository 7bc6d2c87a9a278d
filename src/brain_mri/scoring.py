"""Score one classifier on one part."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import metrics

DIGITS = 6  # rounding, so that the last bits of another machine do not show
Scores = dict[str, float | int | None]


def one_per_group(predictions: pd.DataFrame) -> pd.DataFrame:
    """Keep the image that stands for its group: the one that the group is named after.

    Copies of one scan are one observation; counted as several they would make every
    interval too narrow.

    Args:
        predictions: columns image_id and group.
    """
    return predictions[predictions["image_id"] == predictions["group"]]


def score(predictions: pd.DataFrame, threshold: float) -> Scores:
    """Compute every metric of one part, each group counted once.

    Definitions follow scikit-learn, https://scikit-learn.org/stable/api/sklearn.metrics.html;
    what is undefined (a rate without a denominator) is None, never 0.

    Args:
        predictions: columns image_id, group, y_true (0 or 1), y_score in [0, 1].
        threshold: y_score from which an image is called a tumour.

    Returns:
        Metric names to values rounded to 6 digits; `*_loss` and brier are better low.
    """
    rows = one_per_group(predictions)
    y_true = rows["y_true"].to_numpy(dtype=np.int64)
    y_score = rows["y_score"].to_numpy(dtype=np.float64)
    scores = {
        **rates(y_true, (y_score >= threshold).astype(np.int64)),
        **_of_scores(y_true, y_score),
        "n_images": len(predictions),
        "n_groups": len(rows),
    }
    return {name: _rounded(value) for name, value in scores.items()}


def rates(y_true: npt.NDArray[np.int64], y_pred: npt.NDArray[np.int64]) -> Scores:
    """Compute the counts of the 2x2 table and the rates made of them.

    Args:
        y_true: shape (n,), 0 or 1.
        y_pred: shape (n,), 0 or 1.
    """
    tn, fp, fn, tp = metrics.confusion_matrix(y_true, y_pred, labels=[0, 1]).ravel()
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    balanced = None
    if sensitivity is not None and specificity is not None:
        balanced = (sensitivity + specificity) / 2
    return {
        "accuracy": _ratio(tp + tn, len(y_true)),
        "balanced_accuracy": balanced,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": _ratio(tp, tp + fp),
        "npv": _ratio(tn, tn + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "tp": int(tp),
        "fp": int(fp),
        "fn": int(fn),
        "tn": int(tn),
    }


def roc_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the ROC curve, each group counted once: columns fpr, tpr, threshold.

    The first threshold is infinite by definition and stands as an empty cell. With one
    class only there is no curve and no row.
    """
    rows = one_per_group(predictions)
    if rows["y_true"].nunique() < 2:
        return pd.DataFrame({"fpr": [], "tpr": [], "threshold": []})
    fpr, tpr, threshold = metrics.roc_curve(rows["y_true"], rows["y_score"])
    threshold[0] = np.nan
    table = pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold})
    return table.round(DIGITS)


def predictions_table(
    outputs: Mapping[str, tuple[pd.DataFrame, npt.NDArray]], threshold: float
) -> pd.DataFrame:
    """Lay out predictions as they are kept, without file names.

    Args:
        outputs: for each part, its index (image_id, group, y_true) and the model's
            probabilities, shape (n, 1).
        threshold: y_score from which an image is called a tumour.

    Returns:
        Columns image_id, group, part, y_true, y_score (7 significant digits, as many
        as float32 has, or a rank among tiny scores would be lost) and y_pred, sorted
        by image in each part.
    """
    tables = []
    for part, (index, probability) in outputs.items():
        table = index[["image_id", "group", "y_true"]].copy()
        table.insert(2, "part", part)
        table["y_score"] = [float(f"{p:.7g}") for p in probability[:, 0]]
        table["y_pred"] = (table["y_score"] >= threshold).astype(int)
        tables.append(table.sort_values("image_id"))
    return pd.concat(tables, ignore_index=True)


def confusion_rows(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return columns actual and predicted, class names, a row for each group."""
    rows = one_per_group(predictions)
    names = dict(enumerate(classes))
    return pd.DataFrame(
        {
            "actual": rows["y_true"].map(names),
            "predicted": rows["y_pred"].map(names),
        }
    )


def _of_scores(
    y_true: npt.NDArray[np.int64], y_score: npt.NDArray[np.float64]
) -> Scores:
    """Compute what needs no threshold."""
    n = len(y_true)
    two = 0 < y_true.sum() < n
    # one confident error must not be infinite: float32 cannot say 1 - 1e-8 (Keras
    # clips its loss at the same place)
    sure = np.clip(y_score, 1e-7, 1 - 1e-7)
    return {
        "roc_auc": metrics.roc_auc_score(y_true, y_score) if two else None,
        "average_precision": (
            metrics.average_precision_score(y_true, y_score) if two else None
        ),
        "brier": metrics.brier_score_loss(y_true, y_score) if n else None,
        "log_loss": metrics.log_loss(y_true, sure, labels=[0, 1]) if n else None,
    }


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _rounded(value: float | int | None) -> float | int | None:
    return round(float(value), DIGITS) if isinstance(value, float) else value
