"""Bring features to mean 0 and spread 1, and take that into a dense layer."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brain_mri.files.arrays import Part

Floats = npt.NDArray[np.float64]
# A channel whose spread is below this share of the largest value says nothing: rounding
# in float32 alone makes as much.
NEAR_ZERO = 1e-6


@dataclass(frozen=True)
class Scale:
    """Hold the mean of each channel and one over its spread, shapes (channels,).

    The factor of a channel that hardly varies is 0, so that it counts for nothing.
    """

    mean: Floats
    factor: Floats


def measure(features: npt.NDArray) -> Scale:
    """Measure the mean and the spread of each channel, shape (n, channels)."""
    values = np.asarray(features, np.float64)
    spread = values.std(axis=0)
    varies = spread > NEAR_ZERO * np.abs(values).max()
    return Scale(values.mean(axis=0), varies / np.where(varies, spread, 1))


def standardise(part: Part, scale: Scale) -> Part:
    """Subtract the mean and divide by the spread of features, shape (n, channels)."""
    values = (np.asarray(part.values, np.float64) - scale.mean) * scale.factor
    return Part(values.astype(np.float32), part.index)


def folded(
    kernel: npt.NDArray, bias: npt.NDArray, scale: Scale
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return a dense layer that does to features what this did to standardised ones.

    Computed once, in float64.

    Args:
        kernel: shape (channels, units).
        bias: shape (units,).
        scale: of the features.
    """
    wide = kernel.astype(np.float64) * scale.factor[:, np.newaxis]
    return wide.astype(np.float32), (bias - scale.mean @ wide).astype(np.float32)
