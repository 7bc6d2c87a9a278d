"""Build a trained network by name, for use and not for training."""

from pathlib import Path

import keras

from brain_mri.errors import InputError
from brain_mri.networks import scratch, vgg16, vgg16_head, weights


def load(name: str, image_size: int, frozen: Path, trained: Path) -> keras.Model:
    """Build a network by name and load its weights, for use and not for training.

    Args:
        name: scratch or vgg.
        image_size: side of the input it was trained for, in pixels.
        frozen: the file of VGG-16's convolutions;
            unused for scratch, which has its own.
        trained: the folder that the training stage wrote.

    Raises:
        InputError: no such network, or a weights file does not fit it.
    """
    if name == "scratch":
        model = scratch.scratch_cnn(image_size, dropout=0)
        weights.load(model, trained / scratch.WEIGHTS)
    elif name == "vgg":
        model = vgg16_head.vgg16_classifier(image_size, dropout=0)
        vgg16.load_convolutions(model, frozen)
        weights.load(vgg16_head.head(model), trained / vgg16_head.WEIGHTS)
    else:
        raise InputError(f"expected network 'scratch' or 'vgg', got {name!r}")
    return model


def divide_logit(model: keras.Model, temperature: float) -> None:
    """Divide the logit of every score by a temperature, inside the last layer."""
    last = model.get_layer("tumour")
    last.set_weights([values / temperature for values in last.get_weights()])
