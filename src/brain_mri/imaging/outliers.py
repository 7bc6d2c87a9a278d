"""Measure how unlike the others a crop is, by where its edges run.

The constants were chosen on the 253 images of the public set, where a person had named
the outliers (docs/method.md), so success on that set is no test result.
"""

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from brain_mri.imaging.resizing import resize

Grey = npt.NDArray[np.uint8]

# Edges, by direction in each cell of the crop.
EDGE_SIDE = 64  # px
CELL = 8  # px
DIRECTIONS = 8
NOISE = 20.0  # a cell with weaker edges counts as nearly none

# The crop is stretched to a square, so the width to height of the head counts apart.
ASPECT_WEIGHT = 15.0

NEIGHBOURS = 5
FENCE = 1.5  # of the interquartile range above the upper quartile: Tukey 1977


def features(crop: Grey, aspect: float) -> npt.NDArray[np.float32]:
    """Describe where the edges of a crop run and how wide the head is.

    Args:
        crop: the square crop.
        aspect: of the box that was cut out, width / height.

    Returns:
        What `edges` returns and the weighted logarithm of the aspect: shape (513,).
    """
    shape = np.float32(ASPECT_WEIGHT * np.log(aspect))
    return np.append(edges(crop), shape).astype(np.float32)


def edges(crop: Grey) -> npt.NDArray[np.float32]:
    """Describe where the edges of a square crop run.

    A histogram of oriented gradients: Dalal & Triggs 2005, doi:10.1109/CVPR.2005.177.

    Returns:
        Strength by cell and direction, of unit length in each cell, shape (512,).
    """
    small = resize(crop, EDGE_SIDE, EDGE_SIDE)
    dx, dy = (
        cv2.Sobel(small.astype(np.float32), cv2.CV_32F, *order)
        for order in ((1, 0), (0, 1))
    )
    # An edge has no sign. Upright, level and diagonal edges lie in the middle of a
    # direction: the borders have irrational slopes, so whole numbers never hit them and
    # no direction hangs on the last bit of a processor.
    turn = np.arctan2(dy.astype(np.float64), dx.astype(np.float64)) / np.pi
    direction = np.floor(turn * DIRECTIONS + 0.5).astype(int) % DIRECTIONS
    rows, cols = np.indices(small.shape) // CELL
    cells = np.zeros((EDGE_SIDE // CELL, EDGE_SIDE // CELL, DIRECTIONS), np.float32)
    np.add.at(cells, (rows, cols, direction), np.hypot(dx, dy))
    cells /= np.linalg.norm(cells, axis=2, keepdims=True) + NOISE
    return cells.ravel()


def distances(
    described: npt.NDArray[np.float32], groups: npt.NDArray
) -> npt.NDArray[np.float64]:
    """Return the mean distance of each image to the five nearest of other groups.

    A group stands by its first image, so that copies of one odd scan do not keep each
    other company. With five groups or fewer there is nothing to be unlike: zeros.

    Args:
        described: `features` of every image, shape (n, d).
        groups: of every image, shape (n,).
    """
    names, first = np.unique(groups, return_index=True)
    if len(names) <= NEIGHBOURS:
        return np.zeros(len(groups))
    search = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute")
    exact = described.astype(np.float64)  # or a flag might hang on the last bit
    gaps, found = search.fit(exact[first]).kneighbors(exact)
    # of six neighbours at most one is the own group: it, or else the sixth, falls away
    own = names[found] == groups[:, None]
    own[~own.any(axis=1), NEIGHBOURS] = True
    others = gaps[~own].reshape(len(groups), NEIGHBOURS)
    return np.round(others.mean(axis=1), 3)


def distances_to(
    reference: npt.NDArray[np.float32], described: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return the mean distance of each image to the five nearest of a reference.

    Args:
        reference: `features` of five images or more, one a group, shape (m, d).
        described: those of the images in question, shape (n, d).
    """
    search = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute")
    search.fit(reference.astype(np.float64))
    gaps, _ = search.kneighbors(described.astype(np.float64))
    return np.round(gaps.mean(axis=1), 3)


def fence(values: npt.NDArray[np.float64]) -> float:
    """Return Tukey's upper fence: what lies above it is far from the others."""
    lower, upper = np.percentile(values, (25, 75))
    return float(upper + FENCE * (upper - lower))
