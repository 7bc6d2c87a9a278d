"""Save and load the trained weights of a network, in the order of its layers."""

from pathlib import Path

import keras
import numpy as np

from brain_mri.files import vectors


def save(model: keras.Model, path: Path) -> None:
    """Write the weights alone, without the optimizer's state.

    Raises:
        InputError: the disk is full or the folder is not writable.
    """
    vectors.write(path, np.concatenate([w.ravel() for w in model.get_weights()]))


def load(model: keras.Model, path: Path) -> None:
    """Load weights that `save` wrote into a model of the same architecture.

    Raises:
        InputError: the file is missing, damaged or from another architecture.
    """
    vector = vectors.read(path, model.count_params())
    shapes = [tuple(weight.shape) for weight in model.weights]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(vector, ends[:-1])
    model.set_weights([p.reshape(s) for p, s in zip(parts, shapes, strict=True)])
