"""How many pictures would separate two networks that differ by an assumed amount."""

from bisect import bisect_left

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, t

from brain_mri.evidence.intervals import LEVEL
from brain_mri.evidence.power import FEWEST, chance_to_separate

POWER = 0.8
MOST = 100_000  # pictures
# Numbers of two digits, the precision of the simulation.
LISTED = [
    *range(FEWEST, 100),
    *(digits * 10**zeros for zeros in (1, 2, 3) for digits in range(10, 100)),
    MOST,
]


def one_test(
    difference: float, accuracy: float, discordance: float, deff: float = 1.0
) -> int | None:
    """Return the pictures that one test part needs to separate two trained networks.

    Newcombe's paired rule, simulated. Assumed are the observed mean accuracy, the
    observed discordance or `difference` if that is more, and pictures of the same kind.

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
    neither = max(1 - both - apart, 0.0)
    cells = (both, (apart - difference) / 2, (apart + difference) / 2, neither)
    found = bisect_left(
        LISTED, True, key=lambda n: chance_to_separate(n, cells) >= POWER
    )
    return _listed(LISTED[found] * deff) if found < len(LISTED) else None


def cross_validation(
    difference: float, error: float, folds: int, n: float
) -> int | None:
    """Return the pictures that the same cross-validation needs.

    Noncentral t. Assumed are that the corrected standard error is the true one and
    falls with the root of the number of pictures, and that more training pictures
    change neither the difference nor the discordance.

    Args:
        difference: assumed difference in accuracy, above 0.
        error: observed corrected standard error, NaN if unknown.
        folds: number of folds, of all repeats.
        n: observed number of pictures.

    Returns:
        As `one_test`.
    """
    if np.isnan(error):
        return None
    df = folds - 1
    limit = t.ppf((1 + LEVEL) / 2, df)
    errors = brentq(lambda x: nct.sf(limit, df, x) - POWER, 0.1, 100)
    return _listed(n * (errors * error / difference) ** 2)


def _listed(n: float) -> int | None:
    found = bisect_left(LISTED, round(n, 6))  # the product may be off in the last bit
    return LISTED[found] if found < len(LISTED) else None
