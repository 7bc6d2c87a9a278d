"""VGG-16 as a classifier: a small trained head on the frozen convolutions."""

import keras
from keras import layers

from brain_mri.networks import interface, standardising, vgg16

WEIGHTS = "head.npy"  # in the output folder of its training stage


def vgg16_classifier(image_size: int, dropout: float) -> keras.Model:
    """Build VGG-16's frozen convolutions with a small trainable head.

    At 128 pixels: 14,879,041 parameters, 164,353 of them trainable.

    Args:
        image_size: side of the square input in pixels, 32 or more.
        dropout: share of the 256 units dropped in training, in [0, 1).

    Returns:
        A model from grey images, uint8, shape (batch, image_size, image_size), to
        tumour scores, float32, shape (batch, 1), in [0, 1].
    """
    frozen = vgg16.backbone(image_size)
    x = layers.Dense(256, activation="relu", name="dense1")(frozen.output)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(128, activation="relu", name="dense2")(x)
    return keras.Model(frozen.input, interface.tumour_score(x), name="vgg")


def head(vgg: keras.Model) -> keras.Model:
    """Return the head, from 512 features to a score; it shares the layers of `vgg`."""
    return keras.Model(vgg.get_layer("features").output, vgg.output, name="head")


def fold(head: keras.Model, scale: standardising.Scale) -> None:
    """Change a head trained on standardised features in place, to take raw features."""
    first = head.get_layer("dense1")
    kernel, bias = first.get_weights()
    first.set_weights(standardising.folded(kernel, bias, scale))
