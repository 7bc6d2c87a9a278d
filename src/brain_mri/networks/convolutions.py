"""Pack VGG-16's convolutions, kernels and biases, into one vector, shape (COUNT,)."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from brain_mri.files.vectors import Vector

# Kernel shape (height, width, in, out) of each layer; the bias has shape (out,).
KERNELS = {
    f"block{block}_conv{i}": (3, 3, before if i == 1 else filters, filters)
    for block, convolutions, before, filters in (
        (1, 2, 3, 64),
        (2, 2, 64, 128),
        (3, 3, 128, 256),
        (4, 3, 256, 512),
        (5, 3, 512, 512),
    )
    for i in range(1, convolutions + 1)
}
COUNT = 14_714_688  # weights in all layers


def joined(layers: Mapping[str, tuple[npt.NDArray, npt.NDArray]]) -> Vector:
    """Concatenate the kernel and bias of each layer, in the order of KERNELS.

    Raises:
        ValueError: a shape differs from KERNELS, or a dtype is not float32.
    """
    parts = []
    for name, shape in KERNELS.items():
        for array, expected in zip(layers[name], (shape, shape[-1:]), strict=True):
            if array.shape != expected or array.dtype != np.float32:
                raise ValueError(
                    f"{name}: expected float32 {expected}, found {array.dtype} "
                    f"{array.shape}"
                )
            parts.append(np.ascontiguousarray(array, "<f4").ravel())
    return np.concatenate(parts)


def by_layer(vector: Vector) -> Iterator[tuple[str, npt.NDArray, npt.NDArray]]:
    """Yield the name, kernel and bias of each layer."""
    start = 0
    for name, shape in KERNELS.items():
        end = start + int(np.prod(shape))
        yield name, vector[start:end].reshape(shape), vector[end : end + shape[-1]]
        start = end + shape[-1]
