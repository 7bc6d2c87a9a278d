"""Metrics, intervals and operating points of one classifier on one part."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import metrics

from brain_mri.evidence import clusters
from brain_mri.evidence.clusters import Clusters, rate_limits
from brain_mri.evidence.observations import observed
from brain_mri.evidence.obuchowski import auroc
from brain_mri.files.predictions import VERDICT_THRESHOLD

DIGITS = 6  # hides differences between machines in the last bits
WANTED = 0.90  # sensitivity or specificity that an operating point must reach
Scores = dict[str, float | int | None]
# The numerator and the denominator of each proportion.
PROPORTIONS = {
    "accuracy": (("tp", "tn"), ("tp", "fp", "fn", "tn")),
    "sensitivity": (("tp",), ("tp", "fn")),
    "specificity": (("tn",), ("tn", "fp")),
    "ppv": (("tp",), ("tp", "fp")),
    "npv": (("tn",), ("tn", "fn")),
}
# The ten numbers for comparing runs; statistics.csv has all metrics.
COMPARED = {
    "val": ("accuracy", "roc_auc", "log_loss"),
    "test": (
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "roc_auc",
        "roc_auc_low",
        "brier",
        "n_pictures",
    ),
}


def by_part(predictions: pd.DataFrame, threshold: float) -> dict[str, Scores]:
    """Score validation and test separately."""
    return {
        part: score(predictions[predictions["part"] == part], threshold)
        for part in ("val", "test")
    }


def headline(predictions: pd.DataFrame, threshold: float) -> dict[str, Scores]:
    """Return the ten numbers of one network for `metrics/<network>.json`."""
    scores = by_part(predictions, threshold)
    return {
        part: {name: scores[part][name] for name in COMPARED[part]} for part in scores
    }


def score(predictions: pd.DataFrame, threshold: float) -> Scores:
    """Compute every metric of one part, each picture counted once.

    Definitions follow scikit-learn, https://scikit-learn.org/stable/api/sklearn.metrics.html;
    `_low` and `_high` are the limits of a 95 % interval, see `intervals`. An undefined
    metric is None.

    Args:
        predictions: columns image_id, picture, patient, y_true (0 or 1), y_score
            in [0, 1].
        threshold: decision threshold; a y_score at or above it is called a tumour.

    Returns:
        Metric names to values, rounded to 6 decimals; lower brier and log_loss are
        better.
    """
    y_true, y_score, patient = observed(predictions)
    scores = {
        **rates(y_true, (y_score >= threshold).astype(np.int64), patient),
        **_of_scores(y_true, y_score, patient),
        "n_images": len(predictions),
        "n_pictures": len(y_true),
        "n_patients": len(np.unique(patient)),
    }
    return {name: rounded(value) for name, value in scores.items()}


def rates(
    y_true: npt.NDArray[np.int64],
    y_pred: npt.NDArray[np.int64],
    patient: Clusters = None,
) -> Scores:
    """Compute the counts of the 2x2 table, the rates derived from them, and limits.

    Args:
        y_true: shape (n,), 0 or 1.
        y_pred: shape (n,), 0 or 1.
        patient: shape (n,), the patient of each picture; None if each has its own.
    """
    tn, fp, fn, tp = np.bincount(2 * y_true + y_pred, minlength=4).tolist()
    counts = {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
    values = {
        name: _ratio(*(sum(counts[key] for key in keys) for keys in ends))
        for name, ends in PROPORTIONS.items()
    }
    sensitivity, specificity = values["sensitivity"], values["specificity"]
    values["balanced_accuracy"] = None
    if sensitivity is not None and specificity is not None:
        values["balanced_accuracy"] = (sensitivity + specificity) / 2
    values["f1"] = _ratio(2 * tp, 2 * tp + fp + fn)
    scores: Scores = {}
    for name, limits in rate_limits(y_true, y_pred, patient).items():
        scores |= _with_limits(name, values[name], limits)
    return scores | counts


def operating_threshold(predictions: pd.DataFrame, wanted: str) -> float | None:
    """Choose the threshold of an operating point on validation pictures.

    Args:
        predictions: the validation part.
        wanted: `specificity` for the lowest threshold with a specificity of at least
            0.90; `sensitivity` for the highest with such a sensitivity.

    Returns:
        A score; infinity if the threshold must exclude every case; None if a class is
        missing.
    """
    y_true, y_score, _ = observed(predictions)
    if len(np.unique(y_true)) < 2:
        return None
    fpr, tpr, thresholds = metrics.roc_curve(y_true, y_score, drop_intermediate=False)
    if wanted == "specificity":
        return float(thresholds[np.flatnonzero(1 - fpr >= WANTED)[-1]])
    return float(thresholds[np.flatnonzero(tpr >= WANTED)[0]])


def statistics(
    networks: Mapping[str, pd.DataFrame],
    nulls: Mapping[str, pd.DataFrame],
    threshold: float,
    of_nulls: float = VERDICT_THRESHOLD,
) -> pd.DataFrame:
    """List every metric of every classifier with its interval and its denominator.

    Args:
        networks: for each network, its predictions of val and test.
        nulls: the same for each null baseline.
        threshold: decision threshold of the networks.
        of_nulls: that of the null baselines, which is the verdict's.

    Returns:
        Columns model, part, metric, value, low, high, count (the numerator), n (the
        denominator) and threshold; empty if undefined or not applicable. The last four
        rows of a classifier are the operating points: the threshold is chosen on
        validation, the values are those of the test part.
    """
    rows = []
    for model, table in {**networks, **nulls}.items():
        cut = of_nulls if model in nulls else threshold
        for part, scores in by_part(table, cut).items():
            for row in _metric_rows(scores, cut):
                rows.append({"model": model, "part": part, **row})
        for row in _operating_rows(table):
            rows.append({"model": model, "part": "test", **row})
    limits = ["value", "low", "high"]
    columns = ["model", "part", "metric", *limits, "count", "n", "threshold"]
    table = pd.DataFrame(rows, columns=columns)
    # the threshold is not rounded: a rounded one could separate other cases
    table[limits] = table[limits].astype(float).round(DIGITS)
    return table.astype({"count": "Int64", "n": "Int64"})


def from_statistics(table: pd.DataFrame, part: str = "test") -> dict[str, Scores]:
    """Return the scores of every classifier from the table of `statistics`.

    Args:
        table: the table, as read by `tables.read_csv`.
        part: val or test.

    Returns:
        For each classifier, in the table's order: every metric with its `_low` and
        `_high`, tp, fp, fn, tn and n_pictures.

    Raises:
        KeyError: a column is missing.
    """
    rows = table[table["part"] == part]
    return {
        str(name): _scores_of(mine.set_index("metric"))
        for name, mine in rows.groupby("model", sort=False)
    }


def _scores_of(rows: pd.DataFrame) -> Scores:
    numbers = rows[["value", "low", "high", "count", "n"]].apply(pd.to_numeric)
    scores: Scores = {}
    for name, row in zip(numbers.index, numbers.to_dict("records"), strict=True):
        limits = {"": row["value"], "_low": row["low"], "_high": row["high"]}
        scores |= {f"{name}{end}": defined(value) for end, value in limits.items()}
    count, n = numbers["count"], numbers["n"]
    for right, wrong, metric in (
        ("tp", "fn", "sensitivity"),
        ("tn", "fp", "specificity"),
    ):
        scores[right] = int(count[metric])
        scores[wrong] = int(n[metric] - count[metric])
    return scores | {"n_pictures": int(n["accuracy"])}


def rounded(value: float | int | None) -> float | int | None:
    """Round a float to `DIGITS` decimals; return counts and None unchanged."""
    # adding 0.0 turns -0.0 into 0.0
    return round(float(value), DIGITS) + 0.0 if isinstance(value, float) else value


def defined(value: npt.ArrayLike) -> float | None:
    """Return a number, or None for NaN."""
    number = float(np.asarray(value))
    return None if np.isnan(number) else number


def _metric_rows(scores: Scores, threshold: float) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"metric": name, **_proportion_row(name, scores, threshold)}
        for name in PROPORTIONS
    ]
    others = ("balanced_accuracy", "f1", "roc_auc", "average_precision", "brier")
    for name in (*others, "log_loss"):
        limits = {end: scores.get(f"{name}_{end}") for end in ("low", "high")}
        rows.append({"metric": name, "value": scores[name], **limits})
        if name in ("balanced_accuracy", "f1"):
            rows[-1]["threshold"] = threshold
        else:
            rows[-1]["n"] = scores["n_pictures"]
    return rows


def _operating_rows(predictions: pd.DataFrame) -> list[dict[str, object]]:
    """Choose a threshold on validation for each wanted rate and score the test part."""
    val, test = (predictions[predictions["part"] == part] for part in ("val", "test"))
    y_true, y_score, patient = observed(test)
    rows: list[dict[str, object]] = []
    for wanted in ("specificity", "sensitivity"):
        threshold = operating_threshold(val, wanted)
        point = f"at_{wanted}_{WANTED * 100:.0f}"
        for name in ("sensitivity", "specificity"):
            row: dict[str, object] = {"metric": f"{name}_{point}"}
            if threshold is not None:
                scores = rates(y_true, (y_score >= threshold).astype(np.int64), patient)
                row |= _proportion_row(name, scores, threshold)
            rows.append(row)
    return rows


def _proportion_row(name: str, scores: Scores, threshold: float) -> dict[str, object]:
    k, n = (sum(int(scores[key] or 0) for key in keys) for keys in PROPORTIONS[name])
    limits = {"low": scores[f"{name}_low"], "high": scores[f"{name}_high"]}
    return {
        "value": scores[name],
        **limits,
        "count": k,
        "n": n,
        "threshold": threshold,
    }


def _of_scores(
    y_true: npt.NDArray[np.int64],
    y_score: npt.NDArray[np.float64],
    patient: npt.NDArray[np.str_],
) -> Scores:
    """Compute the metrics that need no threshold."""
    n = len(y_true)
    two = 0 < y_true.sum() < n
    # clipped as Keras clips its loss: float32 cannot hold 1 - 1e-8, and one confident
    # error would make the loss infinite
    sure = np.clip(y_score, 1e-7, 1 - 1e-7)
    area, low, high = auroc(y_true, y_score, patient)
    scores = _with_limits("roc_auc", defined(area), (low, high))
    precision = metrics.average_precision_score(y_true, y_score) if two else None
    limits = clusters.average_precision(precision or 0.0, y_true, y_score, patient)
    scores |= _with_limits("average_precision", precision, limits)
    brier = metrics.brier_score_loss(y_true, y_score) if n else None
    limits = clusters.mean_of_shares((y_score - y_true) ** 2, patient)
    scores |= _with_limits("brier", brier, limits)
    loss = metrics.log_loss(y_true, sure, labels=[0, 1]) if n else None
    return scores | {"log_loss": loss}


def _with_limits(
    name: str, value: float | None, limits: Sequence[npt.ArrayLike]
) -> Scores:
    low, high = map(defined, limits)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
