"""Obuchowski's covariance against DeLong's, its formula and a cluster bootstrap."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from brain_mri.evidence import intervals, obuchowski

pytestmark = pytest.mark.filterwarnings("error")


def drawn(seed, g=60, mixed=True):
    """Return labels, scores of two models and patients of 1 to 6 pictures."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(g), rng.integers(1, 7, g))
    n = len(patient)
    y_true = rng.integers(0, 2, n) if mixed else patient % 2
    lean = rng.normal(size=(2, g))[:, patient]
    return y_true, (lean + rng.normal(size=(2, n)) + y_true).round(1), patient


@pytest.mark.parametrize("seed", range(10))
def test_one_picture_a_patient_is_delong(seed):
    y_true, scores, _ = drawn(seed)
    found = obuchowski.covariance(y_true, scores, np.arange(len(y_true)))
    aurocs, covariance = intervals.delong(y_true, scores)
    np.testing.assert_array_equal(found.aurocs, aurocs)
    np.testing.assert_allclose(found.covariance, covariance, rtol=0, atol=1e-12)
    for alone in (None, np.arange(len(y_true))):
        expected = intervals.auroc(y_true, scores[0])
        assert obuchowski.auroc(y_true, scores[0], alone) == expected
        expected = intervals.auroc_difference(y_true, *scores)
        assert obuchowski.auroc_difference(y_true, *scores, alone) == expected


def plain(y_true, scores, patient):
    """Follow Obuchowski 1997 pair by pair, for one model."""
    x, y = scores[y_true == 1], scores[y_true == 0]
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    theta, (m, n) = psi.mean(), psi.shape
    people = np.unique(patient)
    a = [(psi.mean(axis=1) - theta)[patient[y_true == 1] == i].sum() for i in people]
    b = [(psi.mean(axis=0) - theta)[patient[y_true == 0] == i].sum() for i in people]
    i10, i01 = (len(np.unique(patient[y_true == c])) for c in (1, 0))
    s10 = i10 / ((i10 - 1) * m) * np.dot(a, a)
    s01 = i01 / ((i01 - 1) * n) * np.dot(b, b)
    s11 = len(people) / (len(people) - 1) * np.dot(a, b)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@pytest.mark.parametrize("mixed", [True, False])
def test_the_variance_is_that_of_the_paper_pair_by_pair(mixed):
    y_true, scores, patient = drawn(3, mixed=mixed)
    covariance = obuchowski.covariance(y_true, scores, patient).covariance
    for k in (0, 1):
        expected = plain(y_true, scores[k], patient)
        assert covariance[k, k] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("mixed", [True, False])
def test_the_covariance_is_near_that_of_a_cluster_bootstrap(mixed):
    y_true, scores, patient = drawn(5, mixed=mixed)
    pictures = [np.flatnonzero(patient == i) for i in range(60)]
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        at = np.concatenate([pictures[i] for i in rng.integers(0, 60, 60)])
        found.append([roc_auc_score(y_true[at], each[at]) for each in scores])
    covariance = obuchowski.covariance(y_true, scores, patient).covariance
    naive = intervals.delong(y_true, scores)[1]
    bootstrap = np.cov(np.transpose(found))
    np.testing.assert_allclose(np.diag(covariance), np.diag(bootstrap), rtol=0.25)
    if not mixed:  # the pictures of a patient are alike, and of one class
        assert (np.diag(covariance) > 1.5 * np.diag(naive)).all()


def test_copies_of_every_picture_change_nothing():
    y_true, scores, patient = drawn(7)
    once = obuchowski.covariance(y_true, scores, patient)
    again = obuchowski.covariance(
        *(np.repeat(e, 3, -1) for e in (y_true, scores, patient))
    )
    np.testing.assert_allclose(again.covariance, once.covariance, rtol=1e-10)


def test_the_same_scores_or_few_patients_have_no_interval():
    y_true, scores, patient = drawn(9)
    same = obuchowski.auroc_difference(y_true, scores[0], scores[0], patient)
    assert same[0] == 0
    assert np.isnan(same[1:]).all()
    few = np.where(y_true == 1, patient % 4, 100 + patient)
    assert np.isnan(obuchowski.auroc(y_true, scores[0], few)[1:]).all()
    assert np.isnan(obuchowski.auroc_difference(y_true, *scores, few)[1:]).all()
    assert np.isnan(obuchowski.auroc(0 * y_true, scores[0], patient)).all()


def test_value_limits_and_p_agree():
    y_true, scores, patient = drawn(11)
    value, low, high = obuchowski.auroc(y_true, scores[0], patient)
    assert value == pytest.approx(roc_auc_score(y_true, scores[0]))
    assert 0 < low < value < high < 1
    better = scores[0] + 0.8 * y_true
    for second in (scores[1], better):
        _, low, high, p = obuchowski.auroc_difference(
            y_true, scores[0], second, patient
        )
        assert (p < 0.05) == (low > 0 or high < 0)
    assert p < 0.05
