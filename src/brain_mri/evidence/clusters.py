"""Confidence intervals where patients have several pictures, which are alike.

Every function takes `clusters`, shape (n,): the patient of each picture, of any type
that can be sorted, none missing. If it is None or no patient has two pictures, the
result is that of `intervals`, to the last bit. Otherwise the number of pictures is
divided by the design effect, and Student's t takes the place of z.

The two quantiles differ where only a few patients have several pictures. For
independent pictures the variance of a proportion follows from the proportion itself,
as Wilson's interval needs, so z is right. The design effect is estimated, from a number
of patients, and t allows for that. So one more picture of one patient can widen an
interval by more than a last digit (docs/method.md).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import rankdata, t

from brain_mri.evidence import intervals
from brain_mri.evidence.intervals import FEWEST_OF_A_CLASS, LEVEL, Floats, Z

Clusters = npt.NDArray | None
Limits = tuple[float, float]
ROUNDING = 1e-15  # a standard deviation below is none


class Effect(NamedTuple):
    """Hold what patients with several pictures change in an interval.

    deff: the design effect, 1 or more; n / deff is the effective number of pictures.
    quantile: number of standard errors of a 95 % interval.
    """

    deff: float
    quantile: float


def independent(clusters: Clusters) -> bool:
    """Return whether no patient has two pictures."""
    return clusters is None or len(np.unique(clusters)) == len(clusters)


def effect(values: npt.ArrayLike, clusters: Clusters = None) -> Effect:
    """Return design effect and quantile of the mean of some values.

    Args:
        values: shape (n,), a number per picture.
        clusters: shape (n,), the patient of each picture.

    Raises:
        ValueError: not one patient per picture.
    """
    if clusters is None or independent(clusters):
        return Effect(1.0, Z)
    numbers = np.asarray(values, np.float64)
    codes, sizes = coded(clusters, len(numbers))
    off = numbers - numbers.mean()
    totals = np.bincount(codes, off).astype(np.float64)
    deff = design_effect(totals, np.sum(off**2), sizes)
    return Effect(float(deff), float(student(totals)))


def design_effect(
    totals: Floats, squares: npt.ArrayLike, sizes: npt.ArrayLike
) -> Floats:
    """Return the cluster-robust variance of a mean over that of independent values.

    With T the sum of the deviations of a patient, the first is G/(G-1) sum T² / n²
    (Liang & Zeger 1986, doi:10.1093/biomet/73.1.13), the second n/(n-1) times the sum
    of all squared deviations over n². A ratio below 1 counts as 1: it can be near 0 by
    chance with a few patients. If no value deviates, the likeness of a patient's
    pictures is unknown; they count as copies of each other, which is
    sum of squared sizes / n (Kish 1965, Survey Sampling).

    Args:
        totals: shape (..., G), sum of the deviations from the mean, per patient.
        squares: shape (...), sum of all squared deviations.
        sizes: shape (..., G), number of pictures, per patient.

    Returns:
        Shape (...), 1 or more.
    """
    sizes, squares = np.asarray(sizes, np.float64), np.asarray(squares, np.float64)
    g, n = totals.shape[-1], sizes.sum(axis=-1)
    copies = (sizes**2).sum(axis=-1) / n
    varies = (squares > ROUNDING**2) & (g > 1)
    robust = g / max(g - 1, 1) * (totals**2).sum(axis=-1)
    ratio = robust / np.where(varies, squares, 1) * (n - 1) / n
    return np.maximum(np.where(varies, ratio, copies), 1)


def degrees_of_freedom(totals: Floats) -> Floats:
    """Return the degrees of freedom of a cluster-robust standard error.

    They are those of a variance made of G squared totals, estimated from the spread of
    these: 2 (sum T²)² / (sum T⁴ - (sum T²)² / G), at most G - 1 (Pan & Wall 2002,
    Statistics in Medicine 21:1429-1441). If few patients hold most errors, the variance
    rests on them, and G - 1 would be too many (docs/method.md).

    Args:
        totals: shape (..., G), sum of the deviations from the mean, per patient.

    Returns:
        Shape (...), 0 with one patient.
    """
    parts = totals**2
    g, total = totals.shape[-1], parts.sum(axis=-1)
    spread = (parts**2).sum(axis=-1) - total**2 / g
    varies = spread > 0
    found = np.where(varies, 2 * total**2 / np.where(varies, spread, 1), g - 1)
    return np.minimum(found, g - 1)


def student(totals: Floats) -> Floats:
    """Return the quantile of Student's t with `degrees_of_freedom`, NaN with 0."""
    return np.asarray(t.ppf((1 + LEVEL) / 2, degrees_of_freedom(totals)))


def proportion(right: npt.ArrayLike, clusters: Clusters = None) -> Limits:
    """Return Wilson's interval of a share of pictures, with n / deff and t.

    This is Wilson's form of Korn & Graubard's interval: n / deff · (z / t)² with z is
    the same as n / deff with t, since n stands in the formula under z² alone. Korn &
    Graubard 1998, Survey Methodology 24:193-201. NaN without a picture.

    Args:
        right: shape (n,), whether a picture counts, of those in the denominator.
        clusters: shape (n,), the patient of each picture.
    """
    found = np.asarray(right, np.bool_)
    deff, quantile = effect(found, clusters)
    return _pair(intervals.wilson(found.sum() / deff, len(found) / deff, quantile))


def rate_limits(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, clusters: Clusters = None
) -> dict[str, Limits]:
    """Return the interval of each rate of the 2x2 table.

    Args:
        y_true: shape (n,), 0 or 1.
        y_pred: shape (n,), 0 or 1.
        clusters: shape (n,), the patient of each picture.

    Returns:
        The limits of accuracy, sensitivity, specificity, ppv, npv, balanced_accuracy
        and f1; NaN where a rate has no denominator.
    """
    truth, call = np.asarray(y_true) == 1, np.asarray(y_pred) == 1
    whole = np.ones(len(truth), np.bool_)
    denominators = {
        "accuracy": whole,
        "sensitivity": truth,
        "specificity": ~truth,
        "ppv": call,
        "npv": ~call,
    }
    limits = {
        name: proportion((truth == call)[among], _of(clusters, among))
        for name, among in denominators.items()
    }
    limits["balanced_accuracy"] = balanced_accuracy(truth, call, clusters)
    return limits | {"f1": f1(truth, call, clusters)}


def balanced_accuracy(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, clusters: Clusters = None
) -> Limits:
    """Return Agresti & Caffo's interval, its four counts divided by one design effect.

    It is the design effect of each picture's part in the balanced accuracy, its
    deviation from its class's rate over the number of its class. So it contains the
    covariance of sensitivity and specificity where a patient has pictures of both
    classes.

    Args:
        y_true: shape (n,), 0 or 1.
        y_pred: shape (n,), 0 or 1.
        clusters: shape (n,), the patient of each picture.
    """
    truth, call = np.asarray(y_true) == 1, np.asarray(y_pred) == 1
    right, part = truth == call, np.zeros(len(truth))
    for among in (truth, ~truth):
        if among.any():
            part[among] = (right[among] - right[among].mean()) / among.sum()
    deff, quantile = effect(part, clusters)
    counts = (truth & right, truth & ~right, ~truth & right, ~truth & ~right)
    tp, fn, tn, fp = (np.sum(each) / deff for each in counts)
    return _pair(intervals.balanced_accuracy(tp, fn, tn, fp, quantile))


def f1(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, clusters: Clusters = None
) -> Limits:
    """Return the interval of F1: that of the Jaccard index, with n / deff and t.

    Args:
        y_true: shape (n,), 0 or 1.
        y_pred: shape (n,), 0 or 1.
        clusters: shape (n,), the patient of each picture.
    """
    truth, call = np.asarray(y_true) == 1, np.asarray(y_pred) == 1
    among = truth | call
    found = (truth & call)[among]
    deff, quantile = effect(found, _of(clusters, among))
    return _pair(intervals.f1(found.sum() / deff, 0.0, (~found).sum() / deff, quantile))


def mean_of_shares(shares: npt.ArrayLike, clusters: Clusters = None) -> Limits:
    """Return the interval of the mean of numbers in [0, 1], such as a Brier score's.

    Student's t interval on the logit scale with the cluster-robust standard error. NaN
    if the numbers do not vary or are of fewer than five patients.

    Args:
        shares: shape (n,), 0 to 1.
        clusters: shape (n,), the patient of each picture.
    """
    values = np.asarray(shares, np.float64)
    if clusters is None or independent(clusters):
        return intervals.mean_of_shares(values)
    if len(np.unique(clusters)) < FEWEST_OF_A_CLASS or not values.std() > 0:
        return np.nan, np.nan
    deff, quantile = effect(values, clusters)
    error = values.std(ddof=1) * np.sqrt(deff / len(values))
    return on_logit_scale(float(values.mean()), float(error), quantile)


def average_precision(
    value: float,
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    clusters: Clusters = None,
) -> Limits:
    """Return the interval of an average precision, the tumours divided by deff.

    It is the mean, over the tumours, of the precision at the tumour's score; the design
    effect is that of this mean. NaN at 0 and 1, and with fewer than five effective
    tumours.

    Args:
        value: the average precision.
        y_true: shape (n,), 0 or 1.
        y_score: shape (n,), higher means class 1.
        clusters: shape (n,), the patient of each picture.
    """
    positive, scores = np.asarray(y_true) == 1, np.asarray(y_score, np.float64)
    found = rankdata(-scores[positive], method="max")
    precision = found / rankdata(-scores, method="max")[positive]
    deff, quantile = effect(precision, _of(clusters, positive))
    return intervals.average_precision(value, len(found) / deff, quantile)


def paired_difference(
    first: npt.ArrayLike, second: npt.ArrayLike, clusters: Clusters = None
) -> Limits:
    """Return Newcombe's interval of second minus first accuracy, with n / deff and t.

    The design effect is that of the difference itself, of -1, 0 or 1 per picture. Those
    of the two accuracies would not do: if a patient is hard for both classifiers, each
    accuracy has a large design effect, but the difference a small one.

    Args:
        first: shape (n,), whether the first classifier is right.
        second: shape (n,), whether the second is.
        clusters: shape (n,), the patient of each picture.
    """
    one, two = np.asarray(first, np.bool_), np.asarray(second, np.bool_)
    deff, quantile = effect(two.astype(np.float64) - one, clusters)
    cells = (one & two, one & ~two, ~one & two, ~one & ~two)
    both, one_only, two_only, neither = (np.sum(cell) / deff for cell in cells)
    return _pair(
        intervals.paired_difference(both, one_only, two_only, neither, quantile)
    )


def balanced_paired_difference(
    y_true: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    clusters: Clusters = None,
) -> Limits:
    """Return the interval of second minus first balanced accuracy, paired.

    The intervals of `paired_difference` in both classes, each with its own design
    effect, are joined by MOVER. If a patient has pictures of both classes, the two
    differences may correlate. NaN without a picture of each class.

    Args:
        y_true: shape (n,), 0 or 1.
        first: shape (n,), whether the first classifier is right.
        second: shape (n,), whether the second is.
        clusters: shape (n,), the patient of each picture.
    """
    truth = np.asarray(y_true) == 1
    if truth.all() or not truth.any():
        return np.nan, np.nan
    one, two = np.asarray(first, np.bool_), np.asarray(second, np.bool_)
    gain = two.astype(np.float64) - one
    classes = (truth, ~truth)
    lows, highs = zip(
        *(paired_difference(one[m], two[m], _of(clusters, m)) for m in classes),
        strict=True,
    )
    values = [gain[mine].mean() for mine in classes]
    together = between_classes(gain, truth, clusters)
    return _pair(intervals.mean_of_two(values, lows, highs, together))


def between_classes(
    values: Floats, truth: npt.NDArray[np.bool_], clusters: Clusters = None
) -> float:
    """Return the correlation of the means of both classes, from the patients' totals.

    A correlation below 0 counts as 0, as a design effect below 1 counts as 1: it can be
    so by chance with a few patients, and would make an interval narrower.

    Args:
        values: shape (n,), a number per picture.
        truth: shape (n,), whether a picture is a tumour; both classes occur.
        clusters: shape (n,), the patient of each picture.
    """
    if clusters is None or independent(clusters):
        return 0.0
    codes, sizes = coded(clusters, len(values))
    yes, no = (
        np.bincount(codes[mine], values[mine] - values[mine].mean(), len(sizes))
        for mine in (truth, ~truth)
    )
    product = np.sqrt(np.sum(yes**2) * np.sum(no**2))
    return max(float(yes @ no / product), 0.0) if product > ROUNDING else 0.0


def on_logit_scale(value: float, error: float, quantile: float) -> Limits:
    """Return value -+ quantile · error on the logit scale, so within 0 and 1."""
    half = quantile * error / (value * (1 - value))
    low, high = expit(logit(value) + np.array((-half, half)))
    return float(low), float(high)


def coded(clusters: npt.NDArray, n: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return each picture's patient as a number from 0, and the pictures per patient.

    Raises:
        ValueError: not one patient per picture.
    """
    if np.shape(clusters) != (n,):
        raise ValueError(
            f"clusters: expected one patient for each of {n} pictures, shape ({n},), "
            f"found shape {np.shape(clusters)}"
        )
    codes = np.unique(clusters, return_inverse=True)[1]
    return codes, np.bincount(codes).astype(np.float64)


def _of(clusters: Clusters, among: npt.NDArray[np.bool_]) -> Clusters:
    return None if clusters is None else np.asarray(clusters)[among]


def _pair(limits: intervals.Limits) -> Limits:
    return float(limits[0]), float(limits[1])
