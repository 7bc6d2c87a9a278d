"""The input and output layers that both networks share."""

import keras
from keras import layers


def grey_images(size: int) -> keras.KerasTensor:
    """Return the input: uint8, shape (batch, size, size), grey levels 0-255."""
    return keras.Input((size, size), dtype="uint8", name="image")


def rgb(grey: keras.KerasTensor) -> keras.KerasTensor:
    """Repeat the grey channel three times: the networks of the slides take RGB."""
    one = layers.Reshape((*grey.shape[1:], 1), name="channel")(grey)
    return layers.Concatenate(name="rgb")([one, one, one])


def tumour_score(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the output: tumour score, float32, shape (batch, 1), in [0, 1]."""
    # float32 even under mixed precision: bfloat16 has only two significant digits
    return layers.Dense(1, activation="sigmoid", dtype="float32", name="tumour")(x)
