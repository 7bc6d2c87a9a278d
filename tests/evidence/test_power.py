from itertools import product
from math import lgamma

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from brain_mri.evidence import intervals
from brain_mri.evidence.power import FEWEST, power, resolution, smallest_difference

pytestmark = pytest.mark.filterwarnings("error")
# what only the first, and only the second gets right, of accuracies 0.724 and 0.862
INDEPENDENT = (0.724 * 0.138, 0.862 * 0.276)
NESTED = (0.0, 0.138)


def every_table(n):
    """Return all tables of n groups: both, first only, second only, neither."""
    cells = np.stack(np.meshgrid(*[np.arange(n + 1)] * 3, indexing="ij"), axis=-1)
    cells = cells.reshape(-1, 3)
    cells = cells[cells.sum(axis=1) <= n]
    return np.column_stack([cells, n - cells.sum(axis=1)])


def excludes_0(tables):
    low, high = intervals.paired_difference(*tables.T)
    return (low > 0) | (high < 0)


def mcnemar(tables):
    fewer = np.minimum(tables[:, 1], tables[:, 2])
    return 2 * binom.cdf(fewer, tables[:, 1] + tables[:, 2], 0.5) < 0.05


def exact_power(n, first_only, second_only, rule):
    tables = every_table(n)
    both = 0.724 - first_only
    cells = np.array(
        [both, first_only, second_only, 1 - both - first_only - second_only]
    )
    tables = tables[(tables[:, cells == 0] == 0).all(axis=1)]
    log = np.array([lgamma(k + 1) for k in range(n + 1)])
    logs = np.log(np.where(cells > 0, cells, 1))
    probability = np.exp(log[n] - log[tables].sum(axis=1) + tables @ logs)
    assert probability.sum() == pytest.approx(1)
    return probability[rule(tables)].sum()


@pytest.mark.parametrize("n", [10, 16, 31])
@pytest.mark.parametrize("case", [INDEPENDENT, NESTED])
@pytest.mark.parametrize("rule", [None, mcnemar])
def test_simulated_power_agrees_with_every_table_counted(n, case, rule):
    exact = exact_power(n, *case, rule or excludes_0)
    # rounded to two digits, and four standard errors
    assert power(n, *case, rule) == pytest.approx(exact, abs=0.005 + 4 * 0.0035)


@pytest.mark.parametrize("n", [29, 51, 100])
def test_nested_power_of_mcnemars_exact_test_by_the_binomial_law(n):
    # all disagreements go one way: six are the least with p < 0.05
    exact = binom.sf(5, n, 0.138)
    assert power(n, *NESTED, mcnemar) == pytest.approx(exact, abs=0.005 + 4 * 0.0035)


def test_more_groups_show_more():
    for case in (INDEPENDENT, NESTED):
        powers = [power(n, *case) for n in (12, 25, 50, 100, 200)]
        assert powers == sorted(powers)
        assert powers[0] < 0.2
        assert powers[-1] > 0.9


@pytest.mark.parametrize("n", [10, 11, 20, 29, 31])
def test_no_table_shows_less_than_the_smallest_difference(n):
    tables = every_table(n)
    gap = np.abs(tables[:, 2] - tables[:, 1])
    assert smallest_difference(n) == round(gap[excludes_0(tables)].min() / n, 6)


def test_more_groups_show_smaller_differences():
    sizes = (10, 20, 40, 100, 400, 2000)
    differences = [smallest_difference(n) for n in sizes]
    assert differences == sorted(differences, reverse=True)
    assert differences[-1] < 0.005
    needed = [round(smallest_difference(n) * n) for n in range(10, 60)]
    assert needed == sorted(needed)


@pytest.mark.parametrize("n", [0, 1, FEWEST - 1])
def test_below_the_fewest_groups_nothing_can_be_shown(n):
    # the verdict is never given there
    assert resolution(n) == {
        "smallest_difference": None,
        "power_slides_independent": 0.0,
        "discordance_independent": 0.338,
        "power_slides_nested": 0.0,
        "discordance_nested": 0.138,
    }


def test_resolution_of_the_slides_29():
    found = resolution(29)
    assert found["smallest_difference"] == round(5 / 29, 6)  # theirs is 4 / 29
    assert found["power_slides_independent"] == power(29, *INDEPENDENT)
    assert found["power_slides_nested"] == power(29, *NESTED)
    assert resolution(29) == found


def told_apart(n, accuracy, correlation):
    """How often n groups separate two equal models: the sum over all outcomes."""
    tables = every_table(n)
    one = accuracy * (1 - accuracy) * (1 - correlation)
    cells = (accuracy - one, one, one, 1 - accuracy - one)
    return multinomial.pmf(tables, n, cells)[excludes_0(tables)].sum()


@pytest.mark.parametrize("n", [11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
def test_the_fewest_groups_seldom_tell_equal_models_apart(n):
    settings = product(np.arange(0.5, 0.96, 0.05), (0.0, 0.3, 0.6))
    worst = max(told_apart(n, *setting) for setting in settings)
    if n < FEWEST:
        assert 0.065 < worst < 0.071
    else:
        assert worst < 0.062
