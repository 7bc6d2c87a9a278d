import numpy as np
import pytest
from scipy.stats import t
from sklearn.datasets import make_moons
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.svm import SVC

from brain_mri.evidence.corrected import corrected

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def moons():
    """Return the two best models' difference of scikit-learn's published example.

    "Statistical comparison of models using grid search": kernels rbf and linear.
    """
    x, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(
            SVC(kernel=kernel, random_state=0), x, y, scoring="roc_auc", cv=folds
        )
        for kernel in ("rbf", "linear")
    )
    return corrected(rbf - linear, ratio=10 / 90)


def test_the_published_example(moons):
    # the numbers that the example prints
    statistic = moons.mean / moons.error
    assert moons.df == 99
    assert round(float(statistic), 3) == 0.750
    assert round(t.sf(statistic, moons.df), 3) == 0.227
    assert np.round(moons.limits(-1, 1), 6).tolist() == [-0.016445, 0.036445]
    assert round(1 - float(moons.below(0)), 3) == 0.773
    assert round(float(moons.below(0.01) - moons.below(-0.01)), 3) == 0.432


def test_by_hand():
    # mean 0.1, s = 0.1, variance (1/3 + 1/2) * 0.01, t of 2 degrees 4.302653
    found = corrected([0.1, 0.0, 0.2], ratio=0.5)
    assert found.mean == pytest.approx(0.1)
    assert found.error == pytest.approx(0.0912871)
    assert found.half_width == pytest.approx(0.3927766)
    assert found.limits(-1, 1) == pytest.approx((-0.2927766, 0.4927766))
    assert found.limits(0, 0.4) == pytest.approx((0, 0.4))
    assert found.below(0.1) == pytest.approx(0.5)
    assert found.below(0.1 + 0.3927766) == pytest.approx(0.975)


def test_without_overlap_it_is_students_t():
    values = np.random.default_rng(0).normal(size=15)
    low, high = t.interval(0.95, 14, values.mean(), values.std(ddof=1) / 15**0.5)
    assert corrected(values, ratio=0).limits(-9, 9) == pytest.approx((low, high))


@pytest.mark.parametrize("values", [[0.1], [0.1] * 5, [0.1 + 0.2, 0.3], [0.0] * 15])
def test_without_spread_there_is_no_interval(values):
    found = corrected(values, ratio=0.25)
    assert found.mean == pytest.approx(values[0])
    assert np.isnan([found.half_width, *found.limits(-1, 1), found.below(0)]).all()


def test_an_undefined_fold_leaves_the_mean_undefined():
    found = corrected([0.1, np.nan, 0.3], ratio=0.25)
    assert np.isnan([found.mean, found.error]).all()


def test_many_at_once_are_each_alone():
    values = np.random.default_rng(0).normal(size=(4, 15))
    values[2] = 0.5
    together = corrected(values, ratio=0.25)
    for i, row in enumerate(values):
        alone = corrected(row, ratio=0.25)
        for name in ("mean", "error", "half_width"):
            assert getattr(together, name)[i] == pytest.approx(
                float(getattr(alone, name)), nan_ok=True
            )


def test_the_opposite_difference_has_the_opposite_interval():
    values = np.random.default_rng(0).normal(0.1, size=10)
    one, other = corrected(values, 0.25), corrected(-values, 0.25)
    low, high = one.limits(-9, 9)
    assert other.limits(-9, 9) == pytest.approx((-high, -low))
    assert other.below(-0.02) == pytest.approx(1 - float(one.below(0.02)))
