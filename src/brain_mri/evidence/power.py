"""What a number of groups can show at all, whatever the data are."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from brain_mri.evidence import intervals

# Groups; below it there is no verdict: at 11 to 13 two equal models would be told apart
# in up to 7.1 % of the test parts, from 14 on in 6.1 % at most
# (tests/test_resolution.py).
FEWEST = 14
# The slides' accuracies, 21 and 25 of 29: how likely would this many groups show them?
SLIDES = (0.724, 0.862)
DRAWS = 20_000  # of the simulated power: a standard error of 0.0035 at most

Counts = npt.NDArray[np.int64]


def resolution(n: int) -> dict[str, float | None]:
    """Say what so many groups can show.

    Returns:
        smallest_difference: of accuracies, that the verdict could ever call better, all
            disagreements going one way; None where no difference could.
        power_slides_independent, power_slides_nested: the probability that the verdict
            separates accuracies of 0.724 and 0.862, the models erring independently or
            the better one erring only where the other does. 0 below the fewest groups,
            where there is no verdict.
        discordance_independent, discordance_nested: the share of groups on which the
            two then differ.
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
    """Return the least k / n that Newcombe's interval sets apart from 0, at best."""
    for k in range(1, n + 1):
        both = np.arange(n - k + 1)  # however the rest is shared out
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
    """Simulate how often n groups would separate two models, to two digits.

    Args:
        n: groups.
        first_only: probability that only the first is right on a group.
        second_only: that only the second is; both are right with 0.724 less
            `first_only`.
        separates: the rule, from counts of shape (draws, 4) in the order both, first
            only, second only, neither; the verdict's where None.
    """
    both = SLIDES[0] - first_only
    cells = (both, first_only, second_only, 1 - both - first_only - second_only)
    draws = np.random.default_rng(0).multinomial(n, cells, size=DRAWS)
    return round(float((separates or _verdict_separates)(draws).mean()), 2)


def _verdict_separates(draws: Counts) -> npt.NDArray[np.bool_]:
    low, high = intervals.paired_difference(*draws.T)
    return (low > 0) | (high < 0)
