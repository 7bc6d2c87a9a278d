"""Augment the training images with the six operations of the slides.

Each operation corresponds to a Keras layer: RandomFlip, RandomRotation, RandomZoom
(twice), RandomContrast, RandomBrightness. The first four are applied in one resampling,
in double precision by SciPy's plain C. OpenCV's warpAffine gave other bytes when wide
processor instructions were switched off, and Pillow's transform rounds down.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import affine_transform

from brain_mri.config import Augment

Grey = npt.NDArray[np.uint8]

CHUNK = 2**22  # pixels per chunk, 256 images of 128 x 128, to bound the memory


class Variation(NamedTuple):
    """The operations on one image, in this order."""

    flip: bool = False  # left to right
    turn: float = 0.0  # radians, counter-clockwise
    zoom: float = 1.0  # visible extent as a multiple of each side; above 1 zooms out
    width: float = 1.0  # the same for the width alone; below 1 widens
    contrast: float = 1.0  # factor on each level's distance from the mean
    brightness: float = 0.0  # grey levels added


def augment(
    images: Grey, ids: Sequence[str], copies: int, ranges: Augment, seed: int
) -> Iterator[Grey]:
    """Yield all originals, then `copies` variants of each, chunk by chunk.

    Args:
        images: shape (n, size, size), grey levels; may be memory-mapped.
        ids: the image_id of each image.
        copies: number of variants of each image, 0 or more.
        ranges: the largest change by each operation.
        seed: random seed. Besides seed and ranges, a variant depends only on its image,
            the image_id and its own number.
    """
    size = max(1, CHUNK // images[0].size)
    for variant in range(copies + 1):
        for start in range(0, len(images), size):
            chunk = np.asarray(images[start : start + size])
            if variant:
                drawn = (
                    draw(ranges, _generator(seed, image_id, variant))
                    for image_id in ids[start : start + size]
                )
                chunk = np.stack([*map(vary, chunk, drawn)])
            yield chunk


def variants(index: pd.DataFrame, copies: int) -> pd.DataFrame:
    """Return the index of the augmented images: column `variant` is 0 for originals."""
    return pd.concat(
        [index.assign(variant=variant) for variant in range(copies + 1)],
        ignore_index=True,
    )


def draw(ranges: Augment, rng: np.random.Generator) -> Variation:
    """Draw a variation uniformly within the ranges."""
    return Variation(
        flip=rng.random() < 0.5,
        turn=2 * math.pi * rng.uniform(-ranges.rotation, ranges.rotation),
        zoom=1 + rng.uniform(-ranges.zoom, ranges.zoom),
        width=1 - rng.uniform(0, ranges.widening),
        # only gains: Keras 3 draws these for a single number, but documents losses too
        contrast=1 + rng.uniform(0, ranges.contrast),
        brightness=255 * rng.uniform(-ranges.brightness, ranges.brightness),
    )


def vary(image: Grey, variation: Variation) -> Grey:
    """Apply a variation to an image, shape (rows, columns).

    Levels are interpolated bilinearly. Areas uncovered by a turn or zoom become black,
    like the background of a scan; Keras' default would mirror parts of the skull there.
    """
    matrix = sampling(variation)
    centre = (np.array(image.shape) - 1) / 2
    levels = affine_transform(
        image,
        matrix,
        centre - (matrix * centre).sum(axis=1),
        output=np.float64,
        order=1,
        mode="grid-constant",  # blends with black at the edge, as Keras does
    )
    mean = levels.mean()
    levels = np.clip((levels - mean) * variation.contrast + mean, 0, 255)
    return np.rint(np.clip(levels + variation.brightness, 0, 255)).astype(np.uint8)


def sampling(variation: Variation) -> npt.NDArray[np.float64]:
    """Return the matrix, (2, 2), from a variant's (row, column) to the original's.

    Coordinates are relative to the image centre, which stays fixed.
    """
    cos, sin = math.cos(variation.turn), math.sin(variation.turn)
    mirror = np.array([[1], [-1 if variation.flip else 1]])
    scale = variation.zoom * np.array([1, variation.width])
    return mirror * np.array([[cos, sin], [-sin, cos]]) * scale


def _generator(seed: int, image_id: str, variant: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{variant}:{image_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))
