"""How many pictures would separate two networks that differ by an assumed amount."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, t

from brain_mri.evidence.intervals import LEVEL
from brain_mri.evidence.power import FEWEST, chance_to_separate

POWER = 0.8
MOST = 100_000  # pictures; more is not sought


def one_test(
    difference: float, accuracy: float, discordance: float, deff: float = 1.0
) -> int | None:
    """Return the pictures that one test part needs to separate two fixed networks.

    Newcombe's paired rule, simulated. It is assumed that the networks disagree on the
    observed share of pictures, or on `difference` if that is more, that their mean
    accuracy is the observed one, and that further pictures are of the same kind.

    Args:
        difference: assumed difference in accuracy, above 0.
        accuracy: observed mean of the two accuracies.
        discordance: observed share of pictures that only one network gets right.
        deff: design effect of the difference, 1 with one picture a patient.

    Returns:
        The smallest number with a power of 0.8, rounded up to two digits; None above
        100,000.
    """
    apart = max(discordance, difference)
    both = float(np.clip(accuracy - apart / 2, 0, 1 - apart))
    cells = (both, (apart - difference) / 2, (apart + difference) / 2, 1 - both - apart)
    found = _smallest(lambda n: chance_to_separate(n, cells) >= POWER)
    return None if found is None else _listed(found * deff)


def cross_validation(difference: float, error: float, folds: int, n: int) -> int | None:
    """Return the pictures that the same cross-validation needs.

    It is assumed that the corrected standard error is the true one and falls with the
    root of the number of pictures, and that more training pictures change neither the
    difference nor how often the networks disagree. Student's t, noncentral.

    Args:
        difference: assumed difference in accuracy, above 0.
        error: observed corrected standard error, NaN if unknown.
        folds: number of folds times repeats.
        n: observed number of pictures.

    Returns:
        As `one_test`.
    """
    if not error > 0 or folds < 2:
        return None
    limit, df = t.ppf((1 + LEVEL) / 2, folds - 1), folds - 1
    errors = brentq(lambda x: nct.sf(limit, df, x) - POWER, 0.1, 100)
    return _listed(max(FEWEST, n * (errors * error / difference) ** 2))


def _smallest(enough: Callable[[int], bool]) -> int | None:
    """Return the least number from FEWEST to MOST that is enough, by bisection."""
    if not enough(MOST):
        return None
    low, high = FEWEST - 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _listed(n: float) -> int | None:
    """Round up to two digits, the precision of the simulation; None above MOST."""
    step = 10 ** max(int(np.log10(n)) - 1, 0)
    found = int(np.ceil(n / step - 1e-9)) * step
    return found if found <= MOST else None
