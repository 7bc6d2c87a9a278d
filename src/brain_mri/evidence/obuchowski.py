"""AUROC where patients have several pictures: Obuchowski's covariance.

With one picture a patient, or without `clusters`, the results are those of DeLong's
method in `intervals`, to the last bit.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from brain_mri.evidence import intervals
from brain_mri.evidence.clusters import (
    Clusters,
    coded,
    degrees_of_freedom,
    independent,
    on_logit_scale,
    student,
)
from brain_mri.evidence.intervals import FEWEST_OF_A_CLASS, Floats

NO_VARIANCE = 1e-15  # below, a variance is rounding


class Areas(NamedTuple):
    """Hold AUROCs, their covariance, and each patient's part in their errors.

    aurocs: shape (k,). covariance: shape (k, k). totals: shape (k, G).
    """

    aurocs: Floats
    covariance: Floats
    totals: Floats


def covariance(
    y_true: npt.ArrayLike, y_scores: npt.ArrayLike, clusters: npt.NDArray
) -> Areas:
    """Return the AUROC of each of k classifiers and their cluster-robust covariance.

    Obuchowski 1997, doi:10.2307/2533958. The placements of DeLong's variance are summed
    per patient; the products of a patient's two classes are the covariance between the
    classes. With one picture a patient, DeLong's covariance.

    Args:
        y_true: shape (n,), 0 or 1.
        y_scores: shape (k, n), higher means class 1.
        clusters: shape (n,), the patient of each picture.

    Returns:
        The AUROC is NaN without both classes; the covariance is NaN without two
        patients with pictures of each class.
    """
    positive = np.asarray(y_true) == 1
    scores = np.atleast_2d(np.asarray(y_scores, np.float64))
    codes, sizes = coded(clusters, len(positive))
    if positive.all() or not positive.any():
        k, g = len(scores), len(sizes)
        return Areas(*(np.full(shape, np.nan) for shape in (k, (k, k), (k, g))))
    above, below = intervals.placements(positive, scores)
    aurocs = above.mean(axis=1)
    sums, corrections = [], [_correction(len(sizes))]
    for among, placed in ((positive, above), (~positive, below)):
        parts = (placed - aurocs[:, None]) / among.sum()
        rows = [np.bincount(codes[among], part, len(sizes)) for part in parts]
        sums.append(np.array(rows, np.float64))
        corrections.append(_correction(len(np.unique(codes[among]))))
    a, b = sums
    everyone, with_tumour, without = corrections
    within = with_tumour * a @ a.T + without * b @ b.T
    return Areas(aurocs, within + everyone * (a @ b.T + b @ a.T), a + b)


def auroc(
    y_true: npt.ArrayLike, y_score: npt.ArrayLike, clusters: Clusters = None
) -> tuple[float, float, float]:
    """Return an AUROC and its interval, by Obuchowski's variance on the logit scale.

    The limits are NaN if the variance is 0, and with fewer than five patients with
    pictures of a class.

    Args:
        y_true: shape (n,), 0 or 1.
        y_score: shape (n,), higher means class 1.
        clusters: shape (n,), the patient of each picture.
    """
    if clusters is None or independent(clusters):
        return intervals.auroc(y_true, y_score)
    areas = covariance(y_true, y_score, clusters)
    value, variance = float(areas.aurocs[0]), float(areas.covariance[0, 0])
    if _too_few(y_true, clusters) or not (0 < value < 1 and variance > NO_VARIANCE):
        return value, np.nan, np.nan
    quantile = float(student(areas.totals[0]))
    return value, *on_logit_scale(value, float(np.sqrt(variance)), quantile)


def auroc_difference(
    y_true: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    clusters: Clusters = None,
) -> tuple[float, float, float, float]:
    """Return the second AUROC minus the first, its interval and two-sided p.

    Obuchowski's test on the same pictures. Interval and p are NaN if the variance of
    the difference is 0 or fewer than five patients have pictures of a class.

    Args:
        y_true: shape (n,), 0 or 1.
        first: shape (n,), scores of the first classifier; second likewise.
        second: shape (n,).
        clusters: shape (n,), the patient of each picture.
    """
    if clusters is None or independent(clusters):
        return intervals.auroc_difference(y_true, first, second)
    areas = covariance(y_true, np.stack([first, second]), clusters)
    difference = float(areas.aurocs[1] - areas.aurocs[0])
    variance = float(np.array((-1, 1)) @ areas.covariance @ np.array((-1, 1)))
    if _too_few(y_true, clusters) or not variance > NO_VARIANCE:
        return difference, np.nan, np.nan, np.nan
    totals = areas.totals[1] - areas.totals[0]
    error, freedom = np.sqrt(variance), degrees_of_freedom(totals)
    half = float(student(totals)) * error
    low, high = np.clip((difference - half, difference + half), -1, 1)
    p = 2 * t.sf(abs(difference) / error, freedom)
    return difference, float(low), float(high), float(p)


def _correction(patients: int) -> float:
    return patients / (patients - 1) if patients > 1 else np.nan


def _too_few(y_true: npt.ArrayLike, clusters: npt.NDArray) -> bool:
    positive = np.asarray(y_true) == 1
    patients = (len(np.unique(np.asarray(clusters)[c])) for c in (positive, ~positive))
    return min(patients) < FEWEST_OF_A_CLASS
