"""Save and load the trained weights of a network."""

from pathlib import Path

import keras
from keras import layers

from brain_mri.errors import InputError
from brain_mri.files.writing import writing
from brain_mri.networks import weights_file

MARGIN = 2**20  # bytes that a file of weights holds beside them, at most


def save(model: keras.Model, path: Path) -> None:
    """Write the weights alone; of a compiled model Keras would add the optimizer's.

    Raises:
        InputError: the disk is full or the folder closed.
    """
    bare = keras.Model(model.inputs, model.outputs, name=model.name)
    with writing(path) as part:
        # takes the room first: on a full disk HDF5 prints tracebacks as it closes
        part.write_bytes(bytes(4 * model.count_params() + MARGIN))
        bare.save_weights(part)


def load(model: keras.Model, path: Path) -> None:
    """Load a weights file into a model of the same architecture.

    Raises:
        InputError: the file is missing, damaged or of another architecture.
    """
    weighted = (layer for layer in model.layers if layer.weights)
    weights_file.check(path, {layer.name: _shapes(layer) for layer in weighted})
    try:
        model.load_weights(path)
    except weights_file.DAMAGE as error:
        raise InputError(
            f"{path}: expected weights of '{model.name}' "
            f"({model.count_params():,} parameters), could not load them "
            f"({' '.join(str(error).split())[:200]})"
        ) from error


def _shapes(layer: layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
