"""Mean over the folds of a cross-validation, allowing for what the folds share.

Any two folds share training pictures, so their values are correlated, and the standard
error of independent values is too small.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from brain_mri.evidence.intervals import LEVEL, Floats, Limits

ROUNDING = 1e-9  # a standard deviation below is none


class Corrected(NamedTuple):
    """Hold means over folds, their standard errors and the degrees of freedom.

    The error is NaN with one fold and where all values are equal: then nothing is known
    about their spread.
    """

    mean: Floats
    error: Floats
    df: int

    @property
    def half_width(self) -> Floats:
        """Half of the width of the 95 % interval."""
        return np.asarray(t.ppf((1 + LEVEL) / 2, self.df) * self.error)

    def limits(self, lowest: float, highest: float) -> Limits:
        """Return the 95 % interval, cut to the range of the values."""
        ends = self.mean - self.half_width, self.mean + self.half_width
        low, high = np.clip(ends, lowest, highest)
        return low, high

    def below(self, value: float) -> Floats:
        """Return the posterior probability that the true mean is below a value.

        Student's t with mean, error and degrees of freedom of the interval: the
        correlated t-test of Corani & Benavoli 2015, doi:10.1007/s10994-015-5486-z,
        whose prior is flat.
        """
        return np.asarray(t.cdf((value - self.mean) / self.error, self.df))


def corrected(values: npt.ArrayLike, ratio: float) -> Corrected:
    """Return the mean of the folds' values with Nadeau and Bengio's standard error.

    For J folds with variance s² it is the root of (1/J + n_test/n_train) s², with J - 1
    degrees of freedom: Nadeau & Bengio 2003, doi:10.1023/A:1024068626366; for repeated
    cross-validation Bouckaert & Frank 2004, doi:10.1007/978-3-540-24775-3_3.

    Args:
        values: shape (..., J), a value per fold; J is 1 or more.
        ratio: n_test / n_train, 0.25 with five folds.

    Returns:
        Mean and error of shape (...).
    """
    numbers = np.asarray(values, np.float64)
    folds = numbers.shape[-1]
    mean = numbers.mean(axis=-1)
    squares = ((numbers - mean[..., None]) ** 2).sum(axis=-1)
    spread = np.sqrt(squares / max(folds - 1, 1))
    error = np.where(spread > ROUNDING, np.sqrt(1 / folds + ratio) * spread, np.nan)
    return Corrected(mean, error, folds - 1)
