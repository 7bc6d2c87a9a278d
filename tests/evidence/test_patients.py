"""A patient is called a tumour if any picture is."""

import numpy as np
import pytest

from brain_mri.evidence import intervals, scoring
from brain_mri.evidence.patients import patient_level

pytestmark = pytest.mark.filterwarnings("error")


def test_any_picture_by_hand():
    patient = np.array(["d", "a", "a", "b", "c", "c", "c"])
    y_true = np.array([0, 0, 1, 0, 1, 0, 0])
    y_pred = np.array([1, 1, 0, 0, 0, 0, 0])
    # a is found, b is right, c is missed, d is a false alarm
    found = patient_level(y_true, y_pred, patient)
    assert [found[name] for name in ("tp", "tn", "fn", "fp")] == [1, 1, 1, 1]
    assert found["n_patients"] == 4
    assert (found["accuracy"], found["sensitivity"], found["specificity"]) == (0.5,) * 3
    low, high = intervals.wilson(2, 4)
    limits = found["accuracy_low"], found["accuracy_high"]
    assert limits == pytest.approx((float(low), float(high)), abs=1e-6)
    # tumours have 2 and 3 pictures, the others 1 and 1
    assert found["pictures_roc_auc"] == 1
    assert found["pictures_roc_auc_low"] is None


def test_one_picture_a_patient_is_by_picture_and_their_number_tells_nothing():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 2, (2, 50))
    for patient in (None, rng.permutation(50)):
        found = patient_level(y_true, y_pred, patient)
        by_picture = scoring.rates(y_true, y_pred)
        assert found["accuracy_low"] == scoring.rounded(by_picture["accuracy_low"])
        assert found["f1"] == scoring.rounded(by_picture["f1"])
        assert found["pictures_roc_auc"] == 0.5
        assert found["pictures_roc_auc_low"] is None


def test_chance_calls_grow_with_the_number_of_pictures():
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(200), np.tile([2, 20], 100))
    y_true = patient % 2  # patients with a tumour have more pictures
    y_pred = (rng.random(len(patient)) < 0.1) * 1  # without a look at them
    found = patient_level(y_true, y_pred, patient)
    assert found["accuracy"] > 0.75
    assert found["pictures_roc_auc"] == 1
