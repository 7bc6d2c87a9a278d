"""Build a trained network by name, for inference."""

from pathlib import Path

import keras

from brain_mri.errors import InputError
from brain_mri.networks import saved_weights, scratch, vgg16, vgg16_head


def load(name: str, image_size: int, frozen: Path, trained: Path) -> keras.Model:
    """Build a network by name and load its weights, for inference.

    Args:
        name: scratch or vgg.
        image_size: side of the training images in pixels.
        frozen: the file of VGG-16's convolutions; not used for scratch.
        trained: the output folder of the training stage.

    Raises:
        InputError: the name is unknown, or a weights file does not fit the network.
    """
    if name == "scratch":
        model = scratch.scratch_cnn(image_size, dropout=0)
        saved_weights.load(model, trained / scratch.WEIGHTS)
    elif name == "vgg":
        model = vgg16_head.vgg16_classifier(image_size, dropout=0)
        vgg16.load_convolutions(model, frozen)
        saved_weights.load(vgg16_head.head(model), trained / vgg16_head.WEIGHTS)
    else:
        raise InputError(f"expected network 'scratch' or 'vgg', got {name!r}")
    return model


def divide_logit(model: keras.Model, temperature: float) -> None:
    """Divide the weights of the last layer, and thus each logit, by a temperature."""
    last = model.get_layer("tumour")
    last.set_weights([values / temperature for values in last.get_weights()])
