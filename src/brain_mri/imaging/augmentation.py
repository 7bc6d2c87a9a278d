"""Vary the training images as the slides did, by six operations."""

from collections.abc import Iterator

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from keras import layers

# Pixels at once, 256 images of 128 a side, for bounded memory; the bytes depend on it.
CHUNK = 2**22


def augmenter(
    *,
    rotation: float,
    zoom: float,
    widening: float,
    contrast: float,
    brightness: float,
    seed: int,
) -> keras.Sequential:
    """Build the six random operations.

    What a turn or a zoom uncovers is black like the background of a scan; Keras'
    default would mirror pieces of skull into it.

    Args:
        rotation: largest turn either way, as a fraction of a full turn, in [0, 1).
        zoom: largest change of scale either way, in [0, 1).
        widening: largest stretch in width alone, in [0, 1).
        contrast: largest change of contrast either way, in [0, 1).
        brightness: largest shift either way, as a fraction of 255, in [0, 1).
        seed: rules all six.

    Returns:
        A model on images, shape (n, height, width, 1), grey levels in [0, 255].
    """
    black = {"fill_mode": "constant", "fill_value": 0.0}
    levels = {"value_range": (0, 255)}
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", seed=seed),
            layers.RandomRotation(rotation, seed=seed + 1, **black),
            layers.RandomZoom((-zoom, zoom), seed=seed + 2, **black),
            layers.RandomZoom(0.0, (-widening, 0.0), seed=seed + 3, **black),
            layers.RandomContrast(contrast, seed=seed + 4, **levels),
            layers.RandomBrightness(brightness, seed=seed + 5, **levels),
        ]
    )


def augment(
    images: npt.NDArray[np.uint8], copies: int, model: keras.Model
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield all the originals, then `copies` variants of each, chunk by chunk.

    Args:
        images: shape (n, height, width), grey levels.
        copies: variants of each image, 0 or more.
        model: what `augmenter` built.
    """
    size = max(1, CHUNK // images[0].size)
    for variant in range(copies + 1):
        for start in range(0, len(images), size):
            chunk = images[start : start + size]
            yield _vary(chunk, model) if variant else np.asarray(chunk)


def variants(index: pd.DataFrame, copies: int) -> pd.DataFrame:
    """Return the index of what `augment` yields: a column `variant`, 0 = original."""
    return pd.concat(
        [index.assign(variant=variant) for variant in range(copies + 1)],
        ignore_index=True,
    )


def _vary(images: npt.NDArray[np.uint8], model: keras.Model) -> npt.NDArray[np.uint8]:
    varied = model(images[..., np.newaxis].astype(np.float32), training=True)
    levels = np.rint(keras.ops.convert_to_numpy(varied)[..., 0])
    return np.clip(levels, 0, 255).astype(np.uint8)
