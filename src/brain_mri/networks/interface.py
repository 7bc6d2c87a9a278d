"""What both networks share: grey images in, score of a tumour out."""

import keras
from keras import layers


def grey_images(size: int) -> keras.KerasTensor:
    """Return the input: uint8, shape (batch, size, size), grey levels 0-255."""
    return keras.Input((size, size), dtype="uint8", name="image")


def rgb(grey: keras.KerasTensor) -> keras.KerasTensor:
    """Repeat the grey channel, so that both networks take the slides' three."""
    one = layers.Reshape((*grey.shape[1:], 1), name="channel")(grey)
    return layers.Concatenate(name="rgb")([one, one, one])


def tumour_score(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the output: score of a tumour, float32, shape (batch, 1), in [0, 1]."""
    # float32 also under mixed precision: a bfloat16 score has two digits
    return layers.Dense(1, activation="sigmoid", dtype="float32", name="tumour")(x)
