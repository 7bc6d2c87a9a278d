"""Look into a file of weights before anything is loaded from it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from brain_mri.errors import InputError

# What h5py raises for damage; groups within themselves end as RuntimeError.
DAMAGE = (OSError, ValueError, TypeError, RuntimeError, KeyError)
Layout = Mapping[str, Sequence[tuple[int, ...]]]


def check(path: Path, expected: Layout) -> None:
    """Check that a file holds the weights of these layers, all in itself, and no more.

    HDF5 can point to other files (external and soft links, external storage, virtual
    data sets); nothing here does.

    Args:
        path: weights as Keras writes them: `.weights.h5`, or the older layout that its
            ImageNet weights have.
        expected: the shapes of every layer's weights, by the layer's name.

    Raises:
        InputError: it is no HDF5, a layer is missing, unknown or of other shapes, a
            number is no float32, or something lies outside.
    """
    found: dict[str, list[tuple[int, ...]]] = {}
    try:
        with h5py.File(path, "r") as file:
            for layer, weights in _datasets(file):
                found.setdefault(layer, []).append(weights.shape)
                _check_own(weights)
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as weights ({reason})") from error
    for layer in sorted(found.keys() | expected.keys()):
        ours, theirs = (sorted(side.get(layer, [])) for side in (expected, found))
        if ours != theirs:
            raise InputError(
                f"{path}: expected weights of shapes {ours} in layer {layer!r}, found "
                f"{theirs}; it is of another network, start the stage that wrote it"
            )


def arrays(group: h5py.Group) -> list[npt.NDArray]:
    """Read every data set of a file or group that `check` has passed."""
    return [np.asarray(weights) for _, weights in _datasets(group)]


def _datasets(group: h5py.Group, layer: str = "") -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield every data set with the name of its layer."""
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{group.name}/{name} is a link, expected the data itself")
        item = group[name]
        if isinstance(item, h5py.Dataset):
            yield layer, item
        elif isinstance(item, h5py.Group):
            # Keras 3 keeps the name as an attribute, before that the group bore it
            own = item.attrs.get("name", layer if group.name != "/" else name)
            yield from _datasets(item, str(own))
        else:
            raise ValueError(f"{group.name}/{name} is no array of numbers")


def _check_own(weights: h5py.Dataset) -> None:
    if weights.is_virtual or weights.external:
        raise ValueError(f"{weights.name} lies in another file")
    if weights.dtype != "float32":
        raise ValueError(f"{weights.name} is {weights.dtype}, expected float32")
