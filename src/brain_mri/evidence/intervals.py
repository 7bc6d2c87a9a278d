"""Confidence intervals of proportions, their combinations, AUROC and Brier score.

The cases are independent here; `clusters` has the same intervals for patients with
several pictures. The formulas and their sources are in docs/method.md. Undefined values
are NaN.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import norm, rankdata, t

LEVEL = 0.95
Z = float(norm.ppf((1 + LEVEL) / 2))
# With fewer cases of a class, DeLong's variance is too rough for an interval;
# benchmarks/README.md shows its coverage where one class is rare.
FEWEST_OF_A_CLASS = 5

Floats = npt.NDArray[np.float64]
Limits = tuple[Floats, Floats]


def wilson(
    successes: npt.ArrayLike, n: npt.ArrayLike, quantile: npt.ArrayLike = Z
) -> Limits:
    """Return Wilson's score interval of a proportion, NaN where n is 0.

    Wilson 1927, doi:10.1080/01621459.1927.10502953.

    Args:
        successes: counts, 0 to n; may be fractions, if n is an effective number.
        n: the proportion's own denominator, of the same shape.
        quantile: number of standard errors, 1.96 for independent cases.
    """
    z = np.asarray(quantile, np.float64)
    k = np.asarray(successes, np.float64)
    total = np.where(np.asarray(n) > 0, n, np.nan)
    p = k / total
    centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = np.sqrt(p * (1 - p) / total + z**2 / (4 * total**2)) * z
    half = half / (1 + z**2 / total)
    # exactly 0 and 1 at the ends, where rounding leaves an error in the last bit
    low = np.where(k == 0, 0 * total, centre - half)
    high = np.where(k == total, 1.0, centre + half)
    return low, high


def balanced_accuracy(
    tp: npt.ArrayLike,
    fn: npt.ArrayLike,
    tn: npt.ArrayLike,
    fp: npt.ArrayLike,
    quantile: float = Z,
) -> Limits:
    """Return the interval of the mean of sensitivity and specificity.

    Agresti & Caffo 2000, doi:10.1080/00031305.2000.10474560, for two independent
    proportions: add one right and one wrong answer to each class, then use the normal
    approximation; cut to 0 and 1. Combined Wilson limits (MOVER) have too low a
    coverage here (benchmarks/README.md). NaN where a class is missing.
    """
    rates, variance = [], 0.0
    for right, wrong in ((tp, fn), (tn, fp)):
        k = np.asarray(right, np.float64)
        n = np.where(k + np.asarray(wrong) > 0, k + np.asarray(wrong), np.nan)
        rate = (k + 1) / (n + 2)
        rates.append(rate)
        variance = variance + rate * (1 - rate) / (n + 2)
    centre, half = sum(rates) / 2, quantile * np.sqrt(variance) / 2
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def f1(
    tp: npt.ArrayLike, fp: npt.ArrayLike, fn: npt.ArrayLike, quantile: float = Z
) -> Limits:
    """Return the interval of F1, NaN if no case is a tumour or called one.

    F1 = 2 J / (1 + J) grows with J = tp / (tp + fp + fn), a proportion of the cases
    that are a tumour or called one. Wilson's limits of J are converted to F1.
    """
    n = np.asarray(tp, np.float64) + np.asarray(fp) + np.asarray(fn)
    low, high = (2 * limit / (1 + limit) for limit in wilson(tp, n, quantile))
    return low, high


def average_precision(
    value: float, positives: float, quantile: float = Z
) -> tuple[float, float]:
    """Return the interval of an average precision on the logit scale.

    Boyd, Eng & Page 2013, doi:10.1007/978-3-642-40994-3_29. NaN at 0 and 1, and with
    fewer than five tumours.

    Args:
        value: the average precision.
        positives: number of tumours; may be a fraction, if it is an effective number.
        quantile: number of standard errors, 1.96 for independent cases.
    """
    if positives < FEWEST_OF_A_CLASS or not 0 < value < 1:
        return np.nan, np.nan
    half = quantile / np.sqrt(positives * value * (1 - value))
    low, high = expit(logit(value) + np.array((-half, half)))
    return float(low), float(high)


def mean_of_shares(shares: npt.ArrayLike) -> tuple[float, float]:
    """Return the interval of the mean of numbers in [0, 1], such as a Brier score's.

    Student's t interval on the logit scale, where limits stay within 0 and 1. NaN if
    the numbers do not vary or are fewer than five.
    """
    values = np.asarray(shares, np.float64)
    n = len(values)
    if n < FEWEST_OF_A_CLASS or not values.std() > 0:
        return np.nan, np.nan
    mean = values.mean()
    error = values.std(ddof=1) / np.sqrt(n) / (mean * (1 - mean))
    half = float(t.ppf((1 + LEVEL) / 2, n - 1)) * error
    low, high = expit(logit(mean) + np.array((-half, half)))
    return float(low), float(high)


def paired_difference(
    both: npt.ArrayLike,
    first_only: npt.ArrayLike,
    second_only: npt.ArrayLike,
    neither: npt.ArrayLike,
    quantile: npt.ArrayLike = Z,
) -> Limits:
    """Return Newcombe's interval of second minus first proportion, on the same cases.

    Method 10 of Newcombe 1998, Statistics in Medicine 17:2635-2650, PMID 9839354: the
    Wilson limits of both proportions, combined by their correlation, with a continuity
    correction. NaN where there is no case.

    Args:
        both: number of cases that both got right; first_only, second_only and neither
            likewise.
        quantile: number of standard errors, 1.96 for independent cases.
    """
    a, b, c, d = (
        np.asarray(x, np.float64) for x in (both, second_only, first_only, neither)
    )
    n = a + b + c + d
    low_p, high_p = wilson(a + b, n, quantile)
    low_q, high_q = wilson(a + c, n, quantile)
    n = np.where(n > 0, n, np.nan)
    p, q = (a + b) / n, (a + c) / n
    phi = _correlation(a, b, c, d)
    below = _joined(p - low_p, high_q - q, phi)
    above = _joined(high_p - p, q - low_q, phi)
    return p - q - below, p - q + above


def mean_of_two(
    values: npt.ArrayLike,
    lows: npt.ArrayLike,
    highs: npt.ArrayLike,
    correlation: npt.ArrayLike = 0.0,
) -> Limits:
    """Return the interval of the mean of two estimates, from the intervals of both.

    MOVER, the "method of variance estimates recovery": Zou & Donner 2008,
    doi:10.1002/sim.3095.

    Args:
        values: shape (2, ...), the two estimates.
        lows: shape (2, ...), their lower limits; highs likewise.
        correlation: shape (...), that of the two estimates.
    """
    each, minus = np.asarray(values, np.float64), -np.asarray(correlation, np.float64)
    below, above = each - np.asarray(lows), np.asarray(highs) - each
    centre = each.mean(axis=0)
    low = centre - _joined(below[0], below[1], minus) / 2
    return low, centre + _joined(above[0], above[1], minus) / 2


def delong(y_true: npt.ArrayLike, y_scores: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the AUROC of each of k classifiers and the covariance matrix.

    DeLong, DeLong & Clarke-Pearson 1988, doi:10.2307/2531595, with the mid-ranks of Sun
    & Xu 2014, doi:10.1109/LSP.2014.2337313.

    Args:
        y_true: shape (n,), 0 or 1.
        y_scores: shape (k, n), higher means class 1.

    Returns:
        Shapes (k,) and (k, k). The AUROC is NaN without both classes; the covariance
        is NaN without two cases of each class.
    """
    positive = np.asarray(y_true) == 1
    scores = np.atleast_2d(np.asarray(y_scores, np.float64))
    m, n = int(positive.sum()), int((~positive).sum())
    k = len(scores)
    if not m or not n:
        return np.full(k, np.nan), np.full((k, k), np.nan)
    above_negatives, below_positives = placements(positive, scores)
    aurocs = above_negatives.mean(axis=1)
    if min(m, n) < 2:
        return aurocs, np.full((k, k), np.nan)
    covariance = np.cov(above_negatives) / m + np.cov(below_positives) / n
    return aurocs, np.asarray(covariance, np.float64).reshape(k, k)


def placements(positive: npt.NDArray[np.bool_], scores: Floats) -> Limits:
    """Return the share of the other class that each case is placed right against.

    Args:
        positive: shape (n,), whether a case is a tumour; both classes occur.
        scores: shape (k, n), higher means a tumour.

    Returns:
        For m tumours, shapes (k, m) and (k, n - m): the share of the other cases that
        a tumour is above, and of the tumours that another case is below; ties a half.
    """
    m, n = int(positive.sum()), int((~positive).sum())
    overall = rankdata(scores, axis=1)
    above = (overall[:, positive] - rankdata(scores[:, positive], axis=1)) / n
    below = 1 - (overall[:, ~positive] - rankdata(scores[:, ~positive], axis=1)) / m
    return above, below


def auroc(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[float, float, float]:
    """Return an AUROC and its interval, by DeLong's variance on the logit scale.

    On that scale the limits stay within 0 and 1 (Pepe 2003, The Statistical Evaluation
    of Medical Tests, 5.2). They are NaN if DeLong's variance is 0 (perfect separation,
    or all scores equal) and with fewer than five cases of a class.
    """
    aurocs, covariance = delong(y_true, y_score)
    value, variance = float(aurocs[0]), float(covariance[0, 0])
    if _too_few(y_true) or not (0 < value < 1 and variance > 0):
        return value, np.nan, np.nan
    half = Z * np.sqrt(variance) / (value * (1 - value))
    low, high = expit(logit(value) + np.array((-half, half)))
    return value, float(low), float(high)


def auroc_difference(
    y_true: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike
) -> tuple[float, float, float, float]:
    """Return the second AUROC minus the first, its interval and two-sided p.

    DeLong's test on the same cases. Interval and p are NaN if the variance of the
    difference is 0 or a class has fewer than five cases.
    """
    aurocs, cov = delong(y_true, np.stack([np.asarray(first), np.asarray(second)]))
    difference = float(aurocs[1] - aurocs[0])
    variance = float(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    if _too_few(y_true) or not variance > 1e-15:
        return difference, np.nan, np.nan, np.nan
    error = np.sqrt(variance)
    p = 2 * norm.sf(abs(difference) / error)
    # a difference of two AUROCs cannot leave -1 to 1
    low, high = np.clip((difference - Z * error, difference + Z * error), -1, 1)
    return difference, float(low), float(high), float(p)


def _too_few(y_true: npt.ArrayLike) -> bool:
    positive = np.asarray(y_true) == 1
    return bool(min(positive.sum(), (~positive).sum()) < FEWEST_OF_A_CLASS)


def _correlation(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """Return phi of the paired table, with the continuity correction if positive."""
    cross = a * d - b * c
    n = a + b + c + d
    numerator = np.where(cross > 0, np.maximum(cross - n / 2, 0), cross)
    product = (a + b) * (c + d) * (a + c) * (b + d)
    return np.where(product > 0, numerator / np.sqrt(np.maximum(product, 1)), 0.0)


def _joined(first: Floats, second: Floats, phi: Floats) -> Floats:
    return np.sqrt(first**2 - 2 * phi * first * second + second**2)
