"""Compare two classifiers on the same pictures: counts, differences, McNemar's test."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import betainc
from scipy.stats import binom, binomtest

from brain_mri.evidence.clusters import (
    Clusters,
    balanced_paired_difference,
    paired_difference,
)
from brain_mri.evidence.intervals import Floats
from brain_mri.evidence.scoring import Scores, defined, rounded

Right = npt.NDArray[np.bool_]  # for each picture, whether a classifier is right


def paired_counts(first: Right, second: Right) -> dict[str, int]:
    """Count the pictures that both, only scratch, only vgg or neither got right."""
    both, first_only, second_only, neither = _cells(first, second)
    return {
        "both_right": both,
        "scratch_only": first_only,
        "vgg_only": second_only,
        "both_wrong": neither,
    }


def accuracy_difference(
    first: Right, second: Right, clusters: Clusters = None
) -> Scores:
    """Return the second accuracy minus the first with Newcombe's paired interval.

    Args:
        first: shape (n,), whether the first classifier is right; second likewise.
        second: shape (n,).
        clusters: shape (n,), the patient of each; None if they are independent.
    """
    difference = second.mean() - first.mean() if len(first) else np.nan
    return _scores(difference, paired_difference(first, second, clusters))


def balanced_accuracy_difference(
    y_true: npt.NDArray[np.int64],
    first: Right,
    second: Right,
    clusters: Clusters = None,
) -> Scores:
    """Return the second balanced accuracy minus the first with its paired interval.

    Undefined without a picture of each class.

    Args:
        y_true: shape (n,), 0 or 1.
        first: shape (n,), whether the first classifier is right; second likewise.
        second: shape (n,).
        clusters: shape (n,), the patient of each; None if they are independent.
    """
    gain = second.astype(np.float64) - first
    gains = [gain[y_true == label] for label in (0, 1)]
    difference = np.mean([g.mean() for g in gains]) if all(map(len, gains)) else np.nan
    limits = balanced_paired_difference(y_true, first, second, clusters)
    return _scores(difference, limits)


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """Return the two-sided exact p-value of McNemar's test on the discordant pairs.

    A binomial test of one half (McNemar 1947, doi:10.1007/BF02295996); 1 if the models
    never disagree.
    """
    n = first_only + second_only
    return float(binomtest(first_only, n).pvalue) if n else 1.0


def mcnemar_mid(first_only: int, second_only: int) -> float:
    """Return the two-sided mid-p of McNemar's test: the observed outcome counts half.

    It is less conservative than the exact test, but kept its level in the 9595 settings
    of Fagerland, Lydersen & Laake 2013, doi:10.1186/1471-2288-13-91.
    """
    n = first_only + second_only
    if not n:
        return 1.0
    observed = float(binom.pmf(first_only, n, 0.5))
    if first_only == second_only:
        return 1 - observed / 2
    return mcnemar_exact(first_only, second_only) - observed


def false_claim(winner_only: npt.ArrayLike, loser_only: npt.ArrayLike) -> Floats:
    """Return the probability that the claim "better" is false, on fixed pictures.

    Christodoulou et al. 2025 (Claims Reloaded), https://arxiv.org/abs/2505.04720: with
    a uniform prior on the four cells of the paired table, the shares p and q of
    pictures that only one model gets right are Dirichlet, with x + 1, y + 1 and
    n - x - y + 2. p / (p + q) is then Beta(x + 1, y + 1), whose chance to be at most
    one half this is. The models are taken as fixed.

    Args:
        winner_only: number of pictures that only the winner got right; a mean over
            repeats may be a fraction.
        loser_only: likewise.
    """
    return np.asarray(betainc(np.add(winner_only, 1), np.add(loser_only, 1), 0.5))


def _scores(difference: npt.ArrayLike, limits: Sequence[float]) -> Scores:
    values = {"difference": difference, "low": limits[0], "high": limits[1]}
    return {name: rounded(defined(value)) for name, value in values.items()}


def _cells(first: Right, second: Right) -> tuple[int, int, int, int]:
    return (
        int(np.sum(first & second)),
        int(np.sum(first & ~second)),
        int(np.sum(~first & second)),
        int(np.sum(~first & ~second)),
    )
