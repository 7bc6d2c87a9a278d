"""Measure how unlike the training images other crops are."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.files.arrays import Part
from brain_mri.imaging import outliers


def described(part: Part, crops: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Describe the crops of a part for distances: shape (n, 513), see `outliers`.

    Args:
        part: the crops, uint8 (n, size, size).
        crops: columns image_id and x0, y0, x1, y1 of the boxes that were cut out.
    """
    boxes = crops.set_index("image_id").loc[part.index["image_id"]]
    aspects = (boxes["x1"] - boxes["x0"]) / (boxes["y1"] - boxes["y0"])
    return np.stack(
        [
            outliers.features(np.asarray(crop), aspect)
            for crop, aspect in zip(part.values, aspects, strict=True)
        ]
    )


def reference(train: Part, crops: pd.DataFrame) -> Part:
    """Describe the training images, as a reference for other images.

    Args:
        train: the crops, uint8 (n, size, size), with column patient.
        crops: as for `described`.

    Returns:
        A row per training image, in the same order: features, float32 (n, 513), and the
        index with one column more, distance (see `outliers.distances`).
    """
    features = described(train, crops)
    distance = outliers.distances(features, train.index["patient"].to_numpy())
    return Part(features, train.index.assign(distance=distance))


def one_per_patient(reference: Part) -> npt.NDArray[np.float32]:
    """Return the features of the first image of each patient, shape (m, 513)."""
    first = np.unique(reference.index["patient"], return_index=True)[1]
    return np.asarray(reference.values[first])


def distances(
    reference: Part, asked: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return the distances of images to the training images.

    Each is the mean distance to the five nearest training images, one per patient. With
    five training patients or fewer all distances are 0.

    Args:
        reference: the result of `reference`.
        asked: `described` images, shape (m, 513).
    """
    trained = one_per_patient(reference)
    if len(trained) <= outliers.NEIGHBOURS:
        return np.zeros(len(asked))
    return outliers.distances_to(outliers.search_in(trained), asked)


def summary(
    own: npt.NDArray[np.float64], asked: npt.NDArray[np.float64]
) -> dict[str, float | int]:
    """Return the medians, the fence of the training images and how many lie beyond it.

    Args:
        own: column distance of the result of `reference`.
        asked: the result of `distances`.
    """
    fence = outliers.fence(own)
    return {
        "training_median": round(float(np.median(own)), 3),
        "training_fence": round(fence, 3),
        "median": round(float(np.median(asked)), 3),
        "n_images": len(asked),
        "n_beyond_fence": int((asked > fence).sum()),
    }
