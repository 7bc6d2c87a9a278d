"""Describe pictures by local features, and derive those of a mirrored or negative one.

SIFT describes the surroundings of a point by the directions of its edges (Lowe 2004,
doi:10.1023/B:VISI.0000029664.99615.94). It does not depend on turn and scale. A picture
is described at two sizes: the small one survives blur and shrinking.
"""

import os
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from brain_mri.imaging.resizing import longest_side
from brain_mri.progress import map_threads

Grey = npt.NDArray[np.uint8]


class Size(NamedTuple):
    """Hold the longer side in px, the most points, and the least contrast of a point.

    The contrast is OpenCV's `contrastThreshold`; its default is 0.04.
    """

    side: int
    points: int
    contrast: float


FINE = Size(300, 400, 0.04)
COARSE = Size(100, 200, 0.02)


class Features(NamedTuple):
    """Hold SIFT points (k, 2) float32 in px and their descriptors (k, 128) uint8.

    `width` is that of the resized picture, in px.
    """

    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]
    width: int


# A description takes 92 kB: at 30,000 pictures 2.8 GB of disk, too much for memory.
_RECORD = np.dtype(
    [
        (f"{part}{number}", kind, (size.points, *shape))
        for number, size in enumerate((FINE, COARSE))
        for part, kind, shape in (
            ("points", np.float32, (2,)),
            ("descriptors", np.uint8, (128,)),
        )
    ]
    + [("count", np.int32, 2), ("width", np.int32, 2)]
    + [("picture", np.uint8, (COARSE.side, COARSE.side)), ("height", np.int32)]
)


class Descriptions:
    """Hold the features of many pictures in a temporary file, which the system frees.

    Args:
        count: number of pictures, at least one.
        load: gives picture `i`, uint8 (height, width); called once for each picture,
            on several threads.
    """

    def __init__(self, count: int, load: Callable[[int], Grey]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as self
        if hasattr(os, "posix_fallocate"):
            # A full disk is an OSError here; later it would kill the process.
            os.posix_fallocate(self._file.fileno(), 0, count * _RECORD.itemsize)
        self._rows = np.memmap(self._file, _RECORD, "r+", shape=count)
        self.count = count
        map_threads(lambda i: self._add(i, load(i)), range(count), "describe")

    def fine(self, i: int) -> Features:
        """Return the features at 300 px."""
        return self._get(i, 0)

    def coarse(self, i: int) -> Features:
        """Return the features at 100 px."""
        return self._get(i, 1)

    def picture(self, i: int) -> Grey:
        """Return the picture of at most 100 x 100 px."""
        row = self._rows[i]
        return np.array(row["picture"][: row["height"], : row["width"][1]])

    def _add(self, i: int, grey: Grey) -> None:
        row = self._rows[i]
        small = longest_side(grey, COARSE.side)
        row["picture"][: len(small), : small.shape[1]] = small
        row["height"] = len(small)
        for number, size in enumerate((FINE, COARSE)):
            found = describe(grey, size)
            row["points" + str(number)][: len(found.points)] = found.points
            row["descriptors" + str(number)][: len(found.points)] = found.descriptors
            row["count"][number] = len(found.points)
            row["width"][number] = found.width

    def _get(self, i: int, number: int) -> Features:
        row = self._rows[i]
        count = int(row["count"][number])
        return Features(
            np.array(row["points" + str(number)][:count]),
            np.array(row["descriptors" + str(number)][:count]),
            int(row["width"][number]),
        )


def describe(grey: Grey, size: Size = FINE) -> Features:
    """Compute the SIFT features of a picture, uint8 (height, width), at one size."""
    resized = longest_side(grey, size.side)
    sift = cv2.SIFT.create(nfeatures=size.points, contrastThreshold=size.contrast)
    keypoints, descriptors = sift.detectAndCompute(resized, None)
    width = resized.shape[1]
    if descriptors is None:
        nothing = np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8)
        return Features(*nothing, width)
    # SIFT may return a few more than asked for; its descriptors are whole numbers.
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
    whole = descriptors.astype(np.uint8)
    return Features(points[: size.points], whole[: size.points], width)


def variant(features: Features, mirrored: bool, negative: bool) -> Features:
    """Return the features that the mirrored or the negative picture would have."""
    points, descriptors, width = features
    if mirrored:
        points = np.stack([width - 1 - points[:, 0], points[:, 1]], axis=1)
        descriptors = mirror(descriptors)
    if negative:
        descriptors = negate(descriptors)
    return Features(points, descriptors, width)


def mirror(descriptors: npt.NDArray) -> npt.NDArray:
    """Return the descriptors (k, 128) of the mirrored picture.

    A descriptor holds eight directions of edges in each of 4 x 4 cells. A mirror swaps
    the rows of cells, as they are laid out along the direction of the point, and the
    sense in which the directions turn.
    """
    cells = descriptors.reshape(-1, 4, 4, 8)
    return cells[:, ::-1][..., -np.arange(8) % 8].reshape(-1, 128)


def negate(descriptors: npt.NDArray) -> npt.NDArray:
    """Return the descriptors (k, 128) of the negative picture.

    All edges turn by 180 degrees, so the direction of the point does too, and the
    layout of the cells with it.
    """
    cells = descriptors.reshape(-1, 4, 4, 8)
    return cells[:, ::-1, ::-1].reshape(-1, 128)


def unit(descriptors: npt.NDArray) -> npt.NDArray[np.float32]:
    """Scale descriptors (k, 128) to length 1."""
    vectors = descriptors.astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
