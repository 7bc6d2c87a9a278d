import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from brain_mri.evidence import temperature


def table(y_true, y_score, part="val"):
    ids = [f"{i:04d}" for i in range(len(y_true))]
    columns = {"image_id": ids, "picture": ids, "patient": ids, "part": part}
    return pd.DataFrame(columns | {"y_true": y_true, "y_score": y_score})


def calibrated(n=40_000):
    rng = np.random.default_rng(0)
    score = expit(rng.normal(0, 1.5, n))
    return (rng.random(n) < score).astype(int), score


@pytest.mark.parametrize("factor", [1.0, 3.0, 0.5])
def test_what_made_scores_too_sure_is_found_again(factor):
    y_true, score = calibrated()
    found = temperature.fitted(table(y_true, expit(factor * logit(score))))
    assert found == pytest.approx(factor, rel=0.03)


def test_scikit_learn_finds_the_same():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    y_true = rng.integers(0, 2, 300)
    values = (rng.normal(size=300) + y_true)[:, np.newaxis]
    sure = LogisticRegression().fit(values, y_true)
    sure.coef_ *= 4
    sure.intercept_ *= 4
    score = sure.predict_proba(values)[:, 1]
    theirs = CalibratedClassifierCV(FrozenEstimator(sure), method="temperature")
    theirs.fit(values, y_true)
    found = temperature.fitted(table(y_true, score))
    expected = theirs.predict_proba(values)[:, 1]
    unsure = (score > 1e-6) & (score < 1 - 1e-6)  # they clip elsewhere
    mine = temperature.divided(score, found)
    assert np.allclose(mine[unsure], expected[unsure], atol=2e-3)


def test_only_validation_is_looked_at():
    y_true, score = calibrated(400)
    both = pd.concat([table(y_true, score), table(1 - y_true, score, part="test")])
    assert temperature.fitted(both) == temperature.fitted(table(y_true, score))


def test_one_class_has_no_temperature_and_perfection_a_bounded_one():
    assert temperature.fitted(table([1, 1], [0.2, 0.9])) is None
    found = temperature.fitted(table([0, 1] * 10, [0.4, 0.6] * 10))
    assert found == pytest.approx(temperature.LIMITS[0], rel=0.01)


def test_no_score_passes_another_or_one_half():
    score = np.array([0.0, 1e-9, 0.2, 0.5, 0.7, 1.0])
    cooled = temperature.divided(score, 2.5)
    assert (np.diff(cooled) >= 0).all()
    assert cooled[3] == 0.5
    assert np.allclose(temperature.divided(cooled[2:5], 1 / 2.5), score[2:5])
