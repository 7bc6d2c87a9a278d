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


def distances(
    trained: npt.NDArray[np.float32],
    patients: npt.NDArray[np.str_],
    asked: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the distances of training images and of others to the training images.

    Each is the mean distance to the five nearest training images of other patients, one
    image per patient. With five training patients or fewer all distances are 0.

    Args:
        trained: `described` training images, shape (n, 513).
        patients: patient of each training image, shape (n,).
        asked: other images, shape (m, 513).

    Returns:
        Of the training images, shape (n,), and of the others, shape (m,).
    """
    first = np.unique(patients, return_index=True)[1]
    own = outliers.distances(trained, patients)
    if len(first) <= outliers.NEIGHBOURS:
        return own, np.zeros(len(asked))
    return own, outliers.distances_to(trained[first], asked)


def summary(
    own: npt.NDArray[np.float64], asked: npt.NDArray[np.float64]
) -> dict[str, float | int]:
    """Return the medians, the fence of the training images and how many lie beyond it.

    Args:
        own, asked: the result of `distances`.
    """
    fence = outliers.fence(own)
    return {
        "training_median": round(float(np.median(own)), 3),
        "training_fence": round(fence, 3),
        "median": round(float(np.median(asked)), 3),
        "n_images": len(asked),
        "n_beyond_fence": int((asked > fence).sum()),
    }
