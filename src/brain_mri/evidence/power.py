"""Statistical power at a given number of test pictures."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from brain_mri.evidence import intervals

# Fewest pictures for a verdict: with 11 to 13, two equal models would be separated in
# up to 7.1 % of the test parts, from 14 on in 6.1 % at most
# (tests/evidence/test_power.py).
FEWEST = 14
# Fewest patients for a verdict if some have several pictures: the design effect is
# estimated from them (benchmarks/clusters.csv).
FEWEST_PATIENTS = 30
# The slides' accuracies, 21 and 25 of 29, for which the power is computed.
SLIDES = (0.724, 0.862)
DRAWS = 20_000  # of the simulation; the standard error of the power is 0.0035 at most

Counts = npt.NDArray[np.int64]


def resolution(n: int) -> dict[str, float | None]:
    """Return the smallest separable difference and the power for n pictures.

    Returns:
        smallest_difference: smallest difference in accuracy that the verdict could
            separate from 0, if all disagreements favour one model; None if there is
            none.
        power_slides_independent, power_slides_nested: the probability that the verdict
            separates accuracies of 0.724 and 0.862, if the models err independently or
            the better one errs only where the other does. 0 with fewer pictures than
            FEWEST, where there is no verdict.
        discordance_independent, discordance_nested: the share of pictures on which the
            models disagree in each case.
    """
    low, high = SLIDES
    cases = {
        "independent": (low * (1 - high), high * (1 - low)),
        "nested": (0.0, high - low),
    }
    judged = n >= FEWEST
    found = {"smallest_difference": smallest_difference(n) if judged else None}
    for name, only in cases.items():
        found[f"power_slides_{name}"] = power(n, *only) if judged else 0.0
        found[f"discordance_{name}"] = round(sum(only), 3)
    return found


def smallest_difference(n: int) -> float | None:
    """Return the smallest k / n for which Newcombe's interval can exclude 0."""
    for k in range(1, n + 1):
        both = np.arange(n - k + 1)  # every way to divide the other pictures
        low, _ = intervals.paired_difference(both, 0 * both, k + 0 * both, n - k - both)
        if (low > 0).any():
            return round(k / n, 6)
    return None


def power(
    n: int,
    first_only: float,
    second_only: float,
    separates: Callable[[Counts], npt.NDArray[np.bool_]] | None = None,
) -> float:
    """Simulate how often n pictures would separate two models, to 2 decimals.

    Args:
        n: number of pictures.
        first_only: probability that only the first model is right on a picture.
        second_only: probability that only the second is right; that of both is 0.724
            minus `first_only`.
        separates: the decision rule on counts of shape (draws, 4), in the order both,
            first only, second only, neither; None for the rule of the verdict.
    """
    both = SLIDES[0] - first_only
    cells = (both, first_only, second_only, 1 - both - first_only - second_only)
    return round(chance_to_separate(n, cells, separates), 2)


def chance_to_separate(
    n: int,
    cells: tuple[float, float, float, float],
    separates: Callable[[Counts], npt.NDArray[np.bool_]] | None = None,
) -> float:
    """Simulate how often n pictures would separate two models.

    Args:
        n: number of pictures.
        cells: probability that both are right, only the first, only the second,
            neither.
        separates: the decision rule; None for that of the verdict.
    """
    draws = np.random.default_rng(0).multinomial(n, cells, size=DRAWS)
    return float((separates or _verdict_separates)(draws).mean())


def _verdict_separates(draws: Counts) -> npt.NDArray[np.bool_]:
    low, high = intervals.paired_difference(*draws.T)
    return (low > 0) | (high < 0)
