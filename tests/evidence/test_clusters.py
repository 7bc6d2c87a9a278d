"""Intervals for patients with several pictures, against `intervals` and statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import t
from sklearn.metrics import average_precision_score

from brain_mri.evidence import clusters, intervals, paired, scoring, verdict
from brain_mri.evidence.power import FEWEST_PATIENTS

pytestmark = pytest.mark.filterwarnings("error")
RIGHT = np.array([1, 1, 0, 1, 0, 0])  # three patients: both right, one of two, none
PATIENTS = np.array(["a", "a", "b", "b", "c", "c"])


def drawn(seed, n=120, g=30):
    """Return truth, two models' calls, a score and the patient of n pictures.

    Most pictures of a patient are right, or most are wrong: a correlation of 0.5.
    """
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, g, n)
    y_true = rng.integers(0, 2, n)
    chance = rng.beta(0.7, 0.3, (2, g))[:, patient]
    one, two = np.where(rng.random((2, n)) < chance, y_true, 1 - y_true)
    return y_true, one, two, rng.normal(size=n) + 4 * chance[0], patient


@pytest.mark.parametrize("alone", [None, np.arange(120)[::-1], np.arange(120) + 0.5])
def test_one_picture_a_patient_gives_the_same_floats_as_independent_pictures(alone):
    for seed in range(20):
        y_true, y_pred, other, score, _ = drawn(seed)
        found = clusters.rate_limits(y_true, y_pred, alone)
        tn, fp, fn, tp = np.bincount(2 * y_true + y_pred, minlength=4)
        counts = {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
        for name, ends in scoring.PROPORTIONS.items():
            k, n = (sum(counts[key] for key in keys) for keys in ends)
            assert found[name] == intervals.wilson(k, n)
        assert found["balanced_accuracy"] == intervals.balanced_accuracy(tp, fn, tn, fp)
        assert found["f1"] == intervals.f1(tp, fp, fn)
        shares = 1 / (1 + np.exp(score))
        limits = clusters.mean_of_shares(shares, alone)
        assert limits == intervals.mean_of_shares(shares)
        value = average_precision_score(y_true, score)
        limits = clusters.average_precision(value, y_true, score, alone)
        assert limits == intervals.average_precision(value, int(y_true.sum()))
        first, second = y_pred == y_true, other == y_true
        cells = paired.paired_counts(first, second).values()
        limits = clusters.paired_difference(first, second, alone)
        assert limits == intervals.paired_difference(*cells)
        parts = [y_true == 1, y_true == 0]
        ends = [clusters.paired_difference(first[p], second[p]) for p in parts]
        values = [second[p].mean() - first[p].mean() for p in parts]
        joined = intervals.mean_of_two(values, *np.transpose(ends))
        found = clusters.balanced_paired_difference(y_true, first, second, alone)
        assert found == pytest.approx(joined, abs=1e-15)
        none = clusters.balanced_paired_difference(y_true, first, second)
        assert found == none
        assert clusters.effect(score, alone) == (1.0, intervals.Z)


def test_the_design_effect_by_hand():
    # mean 1/2; totals 1, 0, -1; squares 6/4; G/(G-1) = 3/2, n/(n-1) = 6/5
    deff, quantile = clusters.effect(RIGHT, PATIENTS)
    assert deff == pytest.approx((3 / 2 * 2 / 36) / (6 / 5 * 1.5 / 36))
    # degrees of freedom: 2 · 2² / (2 - 2² / 3), more than G - 1 = 2
    assert quantile == pytest.approx(t.ppf(0.975, 2))


def test_few_patients_with_most_errors_have_few_degrees_of_freedom():
    totals = np.array([8.0, -1, -1, -1, -1, -1, -1, -1, -1])
    total, fourth = 64 + 8, 64**2 + 8
    expected = 2 * total**2 / (fourth - total**2 / 9)
    assert clusters.degrees_of_freedom(totals) == pytest.approx(expected)
    assert 2 < expected < 4 < len(totals) - 1
    assert clusters.degrees_of_freedom(np.array([3.0, -3, 3, -3])) == 3


@pytest.mark.parametrize("seed", range(5))
def test_the_variance_is_that_of_statsmodels(seed):
    y_true, y_pred, _, _, patient = drawn(seed)
    right = (y_true == y_pred) * 1.0
    n, g = len(right), len(np.unique(patient))
    model = sm.OLS(right, np.ones(n))
    # statsmodels' own correction is G/(G-1) · (n-1)/(n-1) with one parameter
    robust = model.fit(cov_type="cluster", cov_kwds={"groups": patient})
    codes = np.unique(patient, return_inverse=True)[1]
    off = right - right.mean()
    totals, sizes = np.bincount(codes, off), np.bincount(codes)
    deff = clusters.design_effect(totals, np.sum(off**2), sizes)
    independent = right.var(ddof=1) / n
    expected = max(robust.cov_params()[0, 0] / independent, 1)
    assert g > 20
    assert float(deff) == pytest.approx(expected, rel=1e-12)
    assert expected > 1


def test_all_right_pictures_of_a_patient_count_as_copies():
    patient = np.repeat(np.arange(10), 4)
    right = np.ones(40, bool)
    assert clusters.effect(right, patient) == pytest.approx((4, t.ppf(0.975, 9)))
    low, high = clusters.proportion(right, patient)
    expected = intervals.wilson(10, 10, t.ppf(0.975, 9))
    np.testing.assert_allclose((low, high), expected)
    assert clusters.effect(np.full(40, 0.1), patient).deff == pytest.approx(4)


def test_one_patient_has_no_interval():
    assert np.isnan(clusters.proportion([1, 0, 1], [5, 5, 5])).all()
    assert np.isnan(clusters.proportion([], [])).all()


@pytest.mark.parametrize("times", [2, 7])
def test_copies_of_every_picture_change_no_interval(times):
    y_true, y_pred, other, score, patient = drawn(1)
    shares = 1 / (1 + np.exp(score))

    def limits(*copies):
        y_true, y_pred, other, shares, patient = copies
        rates = clusters.rate_limits(y_true, y_pred, patient)
        right = y_pred == y_true, other == y_true
        pair = clusters.paired_difference(*right, patient)
        balanced = clusters.balanced_paired_difference(y_true, *right, patient)
        mean = clusters.mean_of_shares(shares, patient)
        return [*rates.values(), pair, balanced, mean]

    once = (y_true, y_pred, other, shares, patient)
    again = [np.repeat(each, times) for each in once]
    # but for (n - 1) / n, and the pseudo-counts of the balanced accuracy
    np.testing.assert_allclose(limits(*again), limits(*once), atol=0.004)
    naive = clusters.proportion(again[0] == again[1])
    assert np.ptp(naive) < 0.8 * np.ptp(clusters.proportion(y_true == y_pred))


def test_opposite_errors_within_patients_make_no_interval_narrower():
    right = np.tile([1, 0], 30)
    patient = np.repeat(np.arange(30), 2)
    assert clusters.effect(right, patient).deff == 1
    assert np.ptp(clusters.proportion(right, patient)) >= np.ptp(
        clusters.proportion(right)
    )


def test_a_patient_hard_for_both_models_does_not_widen_their_difference():
    patient = np.repeat(np.arange(40), 5)
    easy = np.repeat(np.arange(40) % 2 == 0, 5)  # all or no pictures are right
    second = easy ^ (np.arange(200) % 10 == 3)  # the models differ in scattered ones
    assert clusters.effect(easy, patient).deff > 4
    assert clusters.effect(second * 1.0 - easy, patient).deff < 1.5
    low, high = clusters.paired_difference(easy, second, patient)
    assert high - low < 0.2 < np.ptp(clusters.proportion(easy, patient))


def test_both_classes_of_a_patient_covary_in_the_balanced_accuracy():
    y_true = np.tile([1, 0], 40)
    patient = np.repeat(np.arange(40), 2)
    right = np.repeat(np.arange(40) % 4 > 0, 2)  # sensitive where specific
    call = np.where(right, y_true, 1 - y_true)
    together = clusters.balanced_accuracy(y_true, call, patient)
    assert np.ptp(together) > 1.3 * np.ptp(clusters.balanced_accuracy(y_true, call))


def test_both_classes_of_a_patient_covary_in_the_paired_difference():
    y_true = np.tile([1, 0], 40)
    patient = np.repeat(np.arange(40), 2)
    first = np.ones(80, bool)
    second = np.repeat(np.arange(40) % 4 > 0, 2)  # worse in both classes, or in none
    gain = second * 1.0 - first
    assert clusters.between_classes(gain, y_true == 1, patient) == pytest.approx(1)
    together = clusters.balanced_paired_difference(y_true, first, second, patient)
    apart = clusters.balanced_paired_difference(y_true, first, second)
    assert np.ptp(together) == pytest.approx(np.sqrt(2) * np.ptp(apart))
    # worse in one class where better in the other: no narrower than independent
    other = np.where(y_true == 1, second, ~second)
    assert clusters.between_classes(other - 0.5, y_true == 1, patient) == 0


def test_one_patient_with_every_tumour_separates_nothing():
    """However many pictures: a design effect of all pictures would overlook it."""
    y_true = np.repeat([1, 0], (40, 60))
    patient = np.r_[np.arange(40) % 2, np.arange(60) + 9]
    first, second = y_true == 0, np.ones(100, bool)
    low, high = clusters.balanced_paired_difference(y_true, first, second, patient)
    assert low < 0 < high
    assert clusters.balanced_paired_difference(y_true, first, second)[0] > 0.4


def test_a_patient_for_each_picture_is_asked_for():
    with pytest.raises(ValueError, match=r"each of 3 pictures.*found shape \(4,\)"):
        clusters.proportion([1, 0, 1], np.array([1, 1, 2, 3]))


def test_no_verdict_on_few_patients_with_several_pictures():
    difference = {"difference": 0.2, "low": 0.1, "high": 0.3}

    def word(clusters):
        patients = 60 if clusters is None else len(np.unique(clusters))
        return verdict.verdict(difference, 60, patients, 2, {}, None, "random")

    few = np.arange(60) % (FEWEST_PATIENTS - 1)
    assert word(few) == (
        "too few patients",
        "No verdict: 60 test pictures of 29 patients; where patients have several "
        "pictures, at least 30 patients are needed.",
    )
    enough = np.arange(60) % FEWEST_PATIENTS
    assert word(np.arange(60)) == word(None)
    said = word(None)[1].replace("60 pictures", "60 pictures of 30 patients")
    assert word(enough)[1] == said
    assert word(None)[0] == "vgg better"


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_the_mean_that_its_design_effect_is_of(seed, monkeypatch):
    y_true, _, _, score, patient = drawn(seed)
    score = score.round(1)  # with ties
    means, effect = [], clusters.effect

    def noted(values, of):
        means.append(np.mean(values))
        return effect(values, of)

    monkeypatch.setattr(clusters, "effect", noted)
    value = average_precision_score(y_true, score)
    alone = clusters.average_precision(value, y_true, score)
    low, high = clusters.average_precision(value, y_true, score, patient)
    assert means == pytest.approx([value, value])
    assert low < alone[0] < value < alone[1] < high
