"""Intervals against statsmodels, SciPy, scikit-learn, MLstatkit and published tables.

The paired tables are those of Newcombe 1998 (Statistics in Medicine 17:2635-2650) and
of Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables, chapter 8.
"""

import math
from statistics import NormalDist

import numpy as np
import pytest
from MLstatkit import Delong_test
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
)

from brain_mri.evidence import intervals

pytestmark = pytest.mark.filterwarnings("error")
Z = NormalDist().inv_cdf(0.975)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 29, 31, 150])
def test_wilson_agrees_with_statsmodels_and_scipy(n):
    k = np.arange(n + 1)
    low, high = intervals.wilson(k, np.full(n + 1, n))
    outside = proportion_confint(k, n, method="wilson")
    np.testing.assert_allclose((low, high), outside, rtol=0, atol=1e-12)
    for successes in k:
        limits = binomtest(int(successes), n).proportion_ci(method="wilson")
        assert low[successes] == pytest.approx(limits.low, abs=1e-12)
        assert high[successes] == pytest.approx(limits.high, abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "limits"), [(21, (0.543, 0.853)), (25, (0.694, 0.945))]
)
def test_the_slides_accuracies_of_29(successes, limits):
    low, high = intervals.wilson(successes, 29)
    assert (round(float(low), 3), round(float(high), 3)) == limits


def test_wilson_ends_exactly_at_0_and_1_and_has_none_of_nothing():
    low, high = intervals.wilson([0, 7, 3, 0], [7, 7, 7, 0])
    assert low[0] == 0
    assert high[1] == 1
    assert 0 < low[2] < 3 / 7 < high[2] < 1
    assert np.isnan([low[3], high[3]]).all()
    assert np.isnan(intervals.wilson(0, 0)).all()


def plain_wilson(k, n):
    """Solve |k / n - p| = z sqrt(p (1 - p) / n) for p."""
    a, b, c = n + Z**2, -(2 * k + Z**2), k**2 / n
    root = math.sqrt(max(b * b - 4 * a * c, 0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def plain_newcombe(e, f, g, h):
    """Follow Newcombe's method 10 in his letters; returns the limits of (f - g) / n."""
    n = e + f + g + h
    lower_1, upper_1 = plain_wilson(e + f, n)
    lower_2, upper_2 = plain_wilson(e + g, n)
    margins = (e + f) * (g + h) * (e + g) * (f + h)
    phi = 0.0
    if margins:
        cross = e * h - f * g
        if cross > n / 2:
            phi = (cross - n / 2) / math.sqrt(margins)
        elif cross < 0:
            phi = cross / math.sqrt(margins)
    dl_1, du_1 = (e + f) / n - lower_1, upper_1 - (e + f) / n
    dl_2, du_2 = (e + g) / n - lower_2, upper_2 - (e + g) / n
    delta = math.sqrt(dl_1**2 - 2 * phi * dl_1 * du_2 + du_2**2)
    epsilon = math.sqrt(du_1**2 - 2 * phi * du_1 * dl_2 + dl_2**2)
    theta = (f - g) / n
    return theta - delta, theta + epsilon


def random_tables(n=400, seed=0):
    """Return tables of shape (n, 4) of few and many groups, empty cells among them."""
    rng = np.random.default_rng(seed)
    tables = rng.integers(0, [[2], [6], [40], [400]] * (n // 4), (n, 4))
    tables[rng.random((n, 4)) < 0.2] = 0
    return tables[tables.sum(axis=1) > 0]


@pytest.mark.parametrize(
    ("table", "low", "high", "digits"),
    [  # e both, f only the one, g only the other, h neither: limits of (f - g) / n
        ((36, 12, 2, 0), 0.0569, 0.3404, 4),  # Newcombe 1998
        ((20, 12, 2, 16), 0.0562, 0.3292, 4),  # Newcombe 1998
        ((59, 6, 16, 80), -0.1186, -0.0046, 4),  # Cavo et al. 2012
        ((1, 1, 7, 12), -0.507, -0.026, 3),  # Bentur et al. 2009
        ((21, 4, 0, 4), -0.009, 0.292, 3),  # the slides, at best
    ],
)
def test_paired_difference_of_published_tables(table, low, high, digits):
    e, f, g, h = table
    limits = intervals.paired_difference(e, g, f, h)
    assert [round(float(limit), digits) for limit in limits] == [low, high]


def test_paired_difference_agrees_with_the_formulas_written_out():
    tables = random_tables()
    both, first_only, second_only, neither = tables.T
    limits = intervals.paired_difference(*tables.T)
    plain = [
        plain_newcombe(e, f, g, h)
        for e, f, g, h in zip(
            *(x.tolist() for x in (both, second_only, first_only, neither)), strict=True
        )
    ]
    np.testing.assert_allclose(np.transpose(limits), plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("table", [(12, 6, 4, 2), (10, 5, 30, 15), (3, 3, 3, 3)])
def test_uncorrelated_answers_have_statsmodels_interval_of_two_samples(table):
    e, g, f, h = table
    assert e * h == f * g  # so phi is 0
    n = sum(table)
    limits = intervals.paired_difference(*table)
    outside = confint_proportions_2indep(
        e + f, n, e + g, n, method="newcomb", compare="diff"
    )
    assert limits == pytest.approx(outside, abs=1e-9)


def test_paired_difference_contains_the_estimate_and_stays_within_1():
    tables = random_tables(seed=1)
    low, high = intervals.paired_difference(*tables.T)
    difference = (tables[:, 2] - tables[:, 1]) / tables.sum(axis=1)
    assert (low < high).all()
    assert (low <= difference).all()
    assert (difference <= high).all()
    assert (low >= -1).all()
    assert (high <= 1).all()


def test_swapping_the_models_mirrors_the_interval():
    both, first_only, second_only, neither = random_tables(seed=2).T
    low, high = intervals.paired_difference(both, first_only, second_only, neither)
    swapped = intervals.paired_difference(both, second_only, first_only, neither)
    np.testing.assert_allclose((-high, -low), swapped, rtol=0, atol=1e-15)


def test_no_case_no_paired_interval():
    assert np.isnan(intervals.paired_difference(0, 0, 0, 0)).all()
    assert np.isfinite(intervals.paired_difference(1, 0, 0, 0)).all()


def scores(seed, n, levels=0):
    """Return classes and the scores of two related classifiers, tied if asked for."""
    rng = np.random.default_rng(seed)
    y_true = rng.permutation(np.arange(n) < rng.integers(n // 4, 3 * n // 4))
    shared = rng.normal(size=n) + y_true
    first = shared + rng.normal(size=n)
    second = shared + 0.5 * rng.normal(size=n)
    if levels:
        first, second = (np.round(s * levels / 4) for s in (first, second))
    return y_true.astype(int), np.stack([first, second])


SETS = [(0, 20, 0), (1, 20, 3), (2, 60, 0), (3, 60, 4), (4, 300, 0), (5, 301, 2)]


def plain_delong(y_true, y_scores):
    """Compare every case of one class with every one of the other, as in the paper."""
    positive, negative = y_scores[:, y_true == 1], y_scores[:, y_true == 0]
    over = positive[:, :, None] - negative[:, None, :]
    psi = (over > 0) + 0.5 * (over == 0)
    theta = psi.mean(axis=(1, 2))
    v10, v01 = psi.mean(axis=2) - theta[:, None], psi.mean(axis=1) - theta[:, None]
    m, n = positive.shape[1], negative.shape[1]
    return theta, v10 @ v10.T / (m - 1) / m + v01 @ v01.T / (n - 1) / n


@pytest.mark.parametrize("data", SETS)
def test_delong_agrees_with_every_pair_compared_and_with_scikit_learn(data):
    y_true, y_scores = scores(*data)
    aurocs, covariance = intervals.delong(y_true, y_scores)
    outside, by_pairs = plain_delong(y_true, y_scores)
    np.testing.assert_allclose(aurocs, outside, rtol=0, atol=1e-12)
    np.testing.assert_allclose(covariance, by_pairs, rtol=0, atol=1e-12)
    for auroc, score in zip(aurocs, y_scores, strict=True):
        assert auroc == pytest.approx(roc_auc_score(y_true, score), abs=1e-12)


@pytest.mark.parametrize("data", SETS)
def test_delong_agrees_with_mlstatkit(data):
    y_true, (first, second) = scores(*data)
    z, p, *cis, auc_first, auc_second, info = Delong_test(y_true, first, second)
    assert info["method"] == "delong"
    difference, low, high, our_p = intervals.auroc_difference(y_true, first, second)
    assert difference == pytest.approx(auc_second - auc_first, abs=1e-9)
    assert our_p == pytest.approx(p, abs=1e-9)
    assert -1 < low < high < 1  # not cut
    error = (high - low) / 2 / Z
    assert difference / error == pytest.approx(z, abs=1e-9)
    assert error**2 == pytest.approx(info["var_diff"], abs=1e-9)
    # its limits of one AUROC are on the plain scale, cut at 1
    aurocs, covariance = intervals.delong(y_true, np.stack([first, second]))
    for auroc, variance, ci in zip(aurocs, np.diag(covariance), cis, strict=True):
        half = Z * math.sqrt(variance)
        plain = auroc - half, min(auroc + half, 1)
        assert ci == pytest.approx(plain, abs=1e-9)


def test_a_single_classifier_needs_no_second_axis():
    y_true, y_scores = scores(3, 60, 4)
    aurocs, covariance = intervals.delong(y_true, y_scores[0])
    both = intervals.delong(y_true, y_scores)
    assert (aurocs.shape, covariance.shape) == ((1,), (1, 1))
    assert aurocs[0] == both[0][0]
    assert covariance[0, 0] == pytest.approx(both[1][0, 0], abs=1e-15)


Y = [0, 0, 1, 1]
SCORE = [0.1, 0.4, 0.35, 0.8]
# Positives are above 1/2 and 2/2 of the negatives, negatives below 2/2 and 1/2 of the
# positives: each variance 1/8, so 1/16 + 1/16 in all.
VARIANCE = 0.125


@pytest.fixture
def of_any_size(monkeypatch):
    """Limits of so few cases that a person can compute them."""
    monkeypatch.setattr(intervals, "FEWEST_OF_A_CLASS", 2)


def test_auroc_limits_by_hand(of_any_size):
    value, low, high = intervals.auroc(Y, SCORE)
    half = Z * math.sqrt(VARIANCE) / (0.75 * 0.25)
    assert value == 0.75
    assert math.log(low / (1 - low)) == pytest.approx(math.log(3) - half, abs=1e-9)
    assert math.log(high / (1 - high)) == pytest.approx(math.log(3) + half, abs=1e-9)


@pytest.mark.parametrize("data", SETS)
def test_auroc_limits_hold_the_value_and_turn_with_the_classes(data):
    y_true, (score, _) = scores(*data)
    value, low, high = intervals.auroc(y_true, score)
    assert 0 < low < value < high < 1
    turned = intervals.auroc(1 - y_true, score)
    assert turned == pytest.approx((1 - value, 1 - high, 1 - low), abs=1e-12)
    assert intervals.auroc(y_true, np.exp(score)) == (value, low, high)


@pytest.mark.usefixtures("of_any_size")
@pytest.mark.parametrize(
    ("y_true", "y_score", "value"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),  # perfect separation
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([0, 0, 1, 1], [0.5] * 4, 0.5),  # all scores equal
        ([0, 1] * 15, [0.1] * 30, 0.5),
        ([0, 0, 0, 1], [0.1, 0.2, 0.4, 0.3], 2 / 3),  # one case of a class
        ([1, 1, 1, 0], [0.1, 0.2, 0.4, 0.3], 1 / 3),
        ([0, 0, 0], [0.1, 0.2, 0.3], math.nan),  # one class
        ([1], [0.1], math.nan),
        ([], [], math.nan),
    ],
)
def test_where_the_variance_is_0_or_undefined_there_are_no_limits(
    y_true, y_score, value
):
    auroc, low, high = intervals.auroc(y_true, y_score)
    assert auroc == pytest.approx(value, abs=1e-12, nan_ok=True)
    assert np.isnan([low, high]).all()
    difference, *rest = intervals.auroc_difference(y_true, y_score, y_score)
    assert difference == pytest.approx(value - value, nan_ok=True)
    assert np.isnan(rest).all()


@pytest.mark.parametrize(("few", "given"), [(4, False), (5, True)])
def test_a_class_of_a_few_has_no_auroc_limits(few, given):
    rng = np.random.default_rng(3)
    y_true = np.repeat([0, 1], [30, few])
    first, second = rng.normal(y_true, 1, (2, len(y_true)))
    for classes in (y_true, 1 - y_true):
        value, *limits = intervals.auroc(classes, first)
        difference, *rest = intervals.auroc_difference(classes, first, second)
        assert np.isfinite([value, difference]).all()
        assert np.isfinite([*limits, *rest]).all() == given
        assert np.isnan([*limits, *rest]).all() != given


def test_auroc_difference_by_hand(of_any_size):
    # against a perfect classifier, whose variance and covariance are 0
    perfect = [0.1, 0.2, 0.3, 0.4]
    difference, low, high, p = intervals.auroc_difference(Y, SCORE, perfect)
    error = math.sqrt(VARIANCE)
    assert difference == 0.25
    assert (low, high) == pytest.approx((0.25 - Z * error, 0.25 + Z * error), abs=1e-9)
    assert p == pytest.approx(2 * NormalDist().cdf(-0.25 / error), abs=1e-9)
    other_way = intervals.auroc_difference(Y, perfect, SCORE)
    assert other_way == pytest.approx((-0.25, -high, -low, p), abs=1e-12)


def test_a_difference_of_aurocs_ends_at_1(of_any_size):
    turned = [-score for score in SCORE]
    difference, low, high, _ = intervals.auroc_difference(Y, turned, [1, 2, 3, 4])
    assert difference == 0.75
    assert low == pytest.approx(0.75 - Z * math.sqrt(VARIANCE), abs=1e-9)
    assert high == 1


@pytest.mark.parametrize(
    "counts", [(14, 3, 12, 2), (10, 0, 16, 1), (1, 4, 3, 3), (7, 7, 0, 9), (5, 0, 5, 0)]
)
def test_balanced_accuracy_is_a_difference_in_disguise(counts):
    """Its double is 1 + sensitivity minus the share of false alarms: independent."""
    tp, fn, tn, fp = counts
    low, high = intervals.balanced_accuracy(tp, fn, tn, fp)
    outside = confint_proportions_2indep(
        tp, tp + fn, fp, fp + tn, method="agresti-caffo"
    )
    limits = np.clip([(1 + end) / 2 for end in outside], 0, 1)
    assert limits == pytest.approx([low, high])
    assert low <= (tp / (tp + fn) + tn / (tn + fp)) / 2 <= high


def test_balanced_accuracy_needs_both_classes():
    assert np.isnan(intervals.balanced_accuracy(3, 1, 0, 0)).all()
    assert np.isnan(intervals.balanced_accuracy(0, 0, 3, 1)).all()


def test_f1_is_wilsons_interval_of_the_jaccard_index():
    low, high = intervals.f1(8, 2, 3)
    jaccard = proportion_confint(8, 13, method="wilson")
    assert (low, high) == pytest.approx([2 * j / (1 + j) for j in jaccard])
    assert low < 2 * 8 / (2 * 8 + 2 + 3) < high
    assert np.isnan(intervals.f1(0, 0, 0)).all()
    assert intervals.f1(5, 0, 0)[1] == 1


def test_average_precision_by_hand():
    """Boyd, Eng & Page 2013: logit 0.8 = 1.386294, error 1 / sqrt(20 0.8 0.2)."""
    low, high = intervals.average_precision(0.8, 20)
    half = Z / math.sqrt(20 * 0.8 * 0.2)
    expected = [1 / (1 + math.exp(-(1.3862943611 + sign * half))) for sign in (-1, 1)]
    assert (low, high) == pytest.approx(expected)


@pytest.mark.parametrize(("value", "positives"), [(1.0, 20), (0.0, 20), (0.8, 4)])
def test_average_precision_has_no_interval_at_the_ends_or_of_few(value, positives):
    assert np.isnan(intervals.average_precision(value, positives)).all()


def test_a_mean_of_shares_has_students_interval_on_the_logit_scale():
    shares = np.array([0.01, 0.04, 0.09, 0.25, 0.49, 0.0, 0.36])
    low, high = intervals.mean_of_shares(shares)
    mean, error = shares.mean(), shares.std(ddof=1) / math.sqrt(7)
    half = 2.446912 * error / (mean * (1 - mean))  # t, 6 degrees of freedom
    logit = math.log(mean / (1 - mean))
    expected = [1 / (1 + math.exp(-(logit + sign * half))) for sign in (-1, 1)]
    assert (low, high) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shares", [[], [0.1] * 4, [0.2] * 10, [0.0] * 10])
def test_a_mean_of_few_or_equal_shares_has_none(shares):
    assert np.isnan(intervals.mean_of_shares(shares)).all()
