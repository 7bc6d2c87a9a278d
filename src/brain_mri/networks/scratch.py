"""The small CNN of the slides, trained from scratch."""

import keras
from keras import layers

from brain_mri.networks import interface

WEIGHTS = "scratch.npy"  # in the output folder of its training stage


def scratch_cnn(image_size: int, dropout: float) -> keras.Model:
    """Build the small CNN that is trained from scratch.

    At 128 pixels: 2,495,937 parameters, 2,494,977 of them trainable.

    Args:
        image_size: side of the square input in pixels, 16 or more.
        dropout: share of the 128 units dropped in training, in [0, 1).

    Returns:
        A model from grey images, uint8, shape (batch, image_size, image_size), to
        tumour scores, float32, shape (batch, 1), in [0, 1].
    """
    inputs = interface.grey_images(image_size)
    x = layers.Rescaling(1 / 255, name="rescaling")(interface.rgb(inputs))
    for block, filters in enumerate((32, 64, 128, 256), start=1):
        x = layers.Conv2D(filters, 3, padding="same", name=f"block{block}_conv")(x)
        x = layers.LeakyReLU(name=f"block{block}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        # below Keras' 0.99: the moving averages must settle in a few hundred steps
        x = layers.BatchNormalization(momentum=0.9, name=f"block{block}_norm")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, name="dense1")(x)
    x = layers.LeakyReLU(name="dense1_relu")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(64, name="dense2")(x)
    x = layers.LeakyReLU(name="dense2_relu")(x)
    return keras.Model(inputs, interface.tumour_score(x), name="scratch")
