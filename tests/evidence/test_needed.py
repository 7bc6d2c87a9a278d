import numpy as np
import pytest
from scipy.stats import nct, norm, t

from brain_mri.evidence import needed
from brain_mri.evidence.power import chance_to_separate

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("difference", "discordance"), [(0.05, 0.3), (0.1, 0.3), (0.1, 0.15), (0.15, 0.4)]
)
def test_one_test_needs_about_what_connors_formula_says(difference, discordance):
    # Connor 1987, Biometrics 43:207-211, for McNemar's test without correction;
    # Newcombe's continuity correction costs some pictures more
    power = norm.ppf(0.8) * np.sqrt(discordance - difference**2)
    n = (norm.ppf(0.975) * np.sqrt(discordance) + power) ** 2 / difference**2
    found = needed.one_test(difference, 0.8, discordance)
    assert n * 0.97 < found < n * 1.15 + 10


def test_one_test_is_the_smallest_with_that_power():
    n = needed.one_test(0.1, 0.8, 0.3)
    cells = (0.65, 0.1, 0.2, 0.05)
    assert chance_to_separate(n, cells) >= 0.8
    assert chance_to_separate(n - 20, cells) < 0.8  # rounded up to two digits


def test_networks_that_disagree_less_than_they_differ_are_nested():
    n = needed.one_test(0.15, 0.8, 0.05)
    assert n == needed.one_test(0.15, 0.8, 0.15)
    assert chance_to_separate(n, (0.725, 0, 0.15, 0.125)) >= 0.8


def test_perfect_networks_leave_no_room_beyond_1():
    assert needed.one_test(0.1, 1.0, 0.0) == needed.one_test(0.1, 0.95, 0.1)


def test_alike_pictures_are_worth_less():
    assert needed.one_test(0.1, 0.8, 0.3, deff=2.0) == pytest.approx(
        2 * needed.one_test(0.1, 0.8, 0.3), rel=0.05
    )


def test_cross_validation_reaches_the_power_with_the_smaller_error():
    error, n = 0.045, 200
    more = needed.cross_validation(0.1, error, 15, n)
    limit = t.ppf(0.975, 14)
    power = nct.sf(limit, 14, 0.1 / (error * np.sqrt(n / np.array((more, more - 20)))))
    assert power[0] >= 0.8 > power[1]


def test_half_the_difference_needs_four_times_the_pictures():
    one, other = (needed.cross_validation(d, 0.045, 15, 200) for d in (0.1, 0.05))
    assert other == pytest.approx(4 * one, rel=0.05)


def test_what_is_out_of_reach_or_unknown_is_none():
    assert needed.one_test(0.002, 0.8, 0.3) is None
    assert needed.one_test(0.01, 0.8, 0.7, deff=20.0) is None
    assert needed.cross_validation(0.001, 0.05, 15, 200) is None
    assert needed.cross_validation(0.05, np.nan, 15, 200) is None


def test_no_fewer_than_a_verdict_needs():
    assert needed.cross_validation(0.15, 1e-4, 15, 200) == 14
    assert needed.one_test(0.9, 0.5, 0.9) == 14
