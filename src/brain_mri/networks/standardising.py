"""Standardise features, and fold the standardisation into a dense layer."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brain_mri.files.arrays import Part

Floats = npt.NDArray[np.float64]
# A channel with a standard deviation below this share of the largest absolute value
# counts as constant: rounding in float32 alone varies as much.
NEAR_ZERO = 1e-6


@dataclass(frozen=True)
class Scale:
    """Hold mean and 1 / standard deviation of each channel, shape (channels,) each.

    The factor of a constant channel is 0, so that the channel has no effect.
    """

    mean: Floats
    factor: Floats


def measure(features: npt.NDArray) -> Scale:
    """Measure the scale of features, shape (n, channels)."""
    values = np.asarray(features, np.float64)
    spread = values.std(axis=0)
    varies = spread > NEAR_ZERO * np.abs(values).max()
    return Scale(values.mean(axis=0), varies / np.where(varies, spread, 1))


def standardise(part: Part, scale: Scale) -> Part:
    """Bring features, shape (n, channels), to mean 0 and standard deviation 1."""
    values = (np.asarray(part.values, np.float64) - scale.mean) * scale.factor
    return Part(values.astype(np.float32), part.index)


def folded(
    kernel: npt.NDArray, bias: npt.NDArray, scale: Scale
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Turn a dense layer for standardised features into one for raw features.

    Computed in float64.

    Args:
        kernel: shape (channels, units).
        bias: shape (units,).
        scale: the scale of the features.

    Returns:
        Kernel and bias of the new layer, shapes as given.
    """
    wide = kernel.astype(np.float64) * scale.factor[:, np.newaxis]
    return wide.astype(np.float32), (bias - scale.mean @ wide).astype(np.float32)
