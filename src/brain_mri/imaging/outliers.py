"""Measure how much a crop differs from the others, by the positions of its edges.

The constants were chosen on the 253 images of the public set, where a person had named
the outliers (docs/method.md). Results on that set are therefore not out-of-sample.
"""

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from brain_mri.imaging.resizing import resize

Grey = npt.NDArray[np.uint8]

# Histogram of edge directions in each cell of the crop.
EDGE_SIDE = 64  # px
CELL = 8  # px
DIRECTIONS = 8
NOISE = 20.0  # a cell with much weaker edges has hardly any weight

# The crop is stretched to a square, so the head's aspect ratio is a separate feature.
ASPECT_WEIGHT = 15.0

NEIGHBOURS = 5
BLOCK = 1024  # images that are compared with all at once
FENCE = 1.5  # interquartile ranges above the upper quartile (Tukey 1977)


def features(crop: Grey, aspect: float) -> npt.NDArray[np.float32]:
    """Compute the features of a crop: its edges and the aspect ratio of the head.

    Args:
        crop: the square crop.
        aspect: width / height of the box that was cut out.

    Returns:
        The output of `edges`, then the weighted logarithm of the aspect: shape (513,).
    """
    shape = np.float32(ASPECT_WEIGHT * np.log(aspect))
    return np.append(edges(crop), shape).astype(np.float32)


def edges(crop: Grey) -> npt.NDArray[np.float32]:
    """Compute the histogram of oriented gradients of a square crop.

    Dalal & Triggs 2005, doi:10.1109/CVPR.2005.177.

    Returns:
        Edge strength by cell and direction, normalised in each cell, shape (512,).
    """
    small = resize(crop, EDGE_SIDE, EDGE_SIDE)
    dx, dy = (
        cv2.Sobel(small.astype(np.float32), cv2.CV_32F, *order)
        for order in ((1, 0), (0, 1))
    )
    # Edges have no sign. Vertical, horizontal and diagonal edges lie in the middle of a
    # bin. The slopes of the bin borders are irrational: integer gradients never lie on
    # a border, so the rounding of a processor cannot change the bin.
    turn = np.arctan2(dy.astype(np.float64), dx.astype(np.float64)) / np.pi
    direction = np.floor(turn * DIRECTIONS + 0.5).astype(int) % DIRECTIONS
    rows, cols = np.indices(small.shape) // CELL
    cells = np.zeros((EDGE_SIDE // CELL, EDGE_SIDE // CELL, DIRECTIONS), np.float32)
    np.add.at(cells, (rows, cols, direction), np.hypot(dx, dy))
    cells /= np.linalg.norm(cells, axis=2, keepdims=True) + NOISE
    return cells.ravel()


def distances(
    described: npt.NDArray[np.float32], patients: npt.NDArray
) -> npt.NDArray[np.float64]:
    """Return the mean distance of each image to its five nearest of other patients.

    Each patient is represented by the first image, so that copies of a scan count once.
    With five patients or fewer all distances are 0.

    Args:
        described: `features` of every image, shape (n, d).
        patients: patient of every image, shape (n,).
    """
    names, first = np.unique(patients, return_index=True)
    if len(names) <= NEIGHBOURS:
        return np.zeros(len(patients))
    search = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute")
    search.fit(_exact(described[first]))
    # block by block, or the exact features of all images would take as much memory
    blocks = gen_batches(len(described), BLOCK)
    answers = [search.kneighbors(_exact(described[rows])) for rows in blocks]
    gaps, found = map(np.concatenate, zip(*answers, strict=True))
    # of six neighbours at most one is of the image's own patient: drop it, or the sixth
    own = names[found] == patients[:, None]
    own[~own.any(axis=1), NEIGHBOURS] = True
    others = gaps[~own].reshape(len(patients), NEIGHBOURS)
    return np.round(others.mean(axis=1), 3)


def search_in(reference: npt.NDArray[np.float32]) -> NearestNeighbors:
    """Prepare a reference for `distances_to`.

    Args:
        reference: `features` of five images or more, one per patient, shape (m, d).
    """
    search = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute")
    return search.fit(_exact(reference))


def distances_to(
    search: NearestNeighbors, described: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return the mean distance of each image to its five nearest in a reference.

    Args:
        search: the result of `search_in`.
        described: `features` of the images to measure, shape (n, d).
    """
    gaps, _ = search.kneighbors(_exact(described))
    return np.round(gaps.mean(axis=1), 3)


def _exact(described: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Take features so exactly that the rounding of a distance decides no flag."""
    return described.astype(np.float64)


def fence(values: npt.NDArray[np.float64]) -> float:
    """Return Tukey's upper fence; values above it are outliers."""
    lower, upper = np.percentile(values, (25, 75))
    return float(upper + FENCE * (upper - lower))
