"""Find near-duplicates: one picture resized, re-cropped or re-encoded.

A perceptual hash proposes pairs; local features and one similarity transform confirm
them. On the public 253-image set this finds exactly the 78 pairs that two independent
methods and visual inspection agree on. Hashes alone find 66 of them, or also join
images of different classes.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from threadpoolctl import threadpool_limits

from brain_mri.imaging.resizing import longest_side
from brain_mri.progress import map_threads

Grey = npt.NDArray[np.uint8]

# Bits of 64. Of the public set's 31,878 pairs, 99 are within this distance, among them
# all 78 true pairs; of a phantom set's pairs, 0.4 % are.
MAX_HAMMING = 10

# A row or column belongs to the margin if its grey levels span no more than this. JPEG
# adds ripples to a margin; any value from 24 to 48 proposes all true pairs of the
# public set.
MARGIN_SPAN = 32

# SIFT: Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94, and its ratio test.
MAX_SIDE = 300  # px; copies differ in size, so both are resized to this
MAX_POINTS = 400
MAX_RATIO = 0.8

RANSAC_PX = 3.0  # OpenCV's default reprojection threshold

# In the public set, copies share 101 inliers or more, two slices of one head 13 to 22,
# two heads 9 or fewer (all 31,878 pairs compared).
MIN_INLIERS = 30

BLOCK_ROWS = 256  # rows of the distance matrix held at once


class Features(NamedTuple):
    """Hold SIFT points (k, 2) float32 in px and their descriptors (k, 128) uint8."""

    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]


def fingerprint(grey: Grey) -> npt.NDArray[np.uint64]:
    """Hash an image, uint8 (height, width), with and without its margin: (2,).

    The hash is ImageHash's 64-bit `phash`: which of the low DCT frequencies lie above
    their median.
    """
    hashes = (
        imagehash.phash(Image.fromarray(g), hash_size=8) for g in (grey, strip(grey))
    )
    bits = np.stack([h.hash.ravel() for h in hashes])  # (2, 64)
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def strip(grey: Grey) -> Grey:
    """Cut off outer rows and columns of (nearly) uniform grey level."""
    rows = np.flatnonzero(np.ptp(grey, axis=1) > MARGIN_SPAN)
    cols = np.flatnonzero(np.ptp(grey, axis=0) > MARGIN_SPAN)
    if len(rows) == 0 or len(cols) == 0:
        return grey
    return grey[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]


def candidate_pairs(fingerprints: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """List the pairs i < j with similar hashes, raw to raw or stripped to stripped.

    `fingerprints` is (n, 2); the result (m, 2) is sorted.
    """
    found = [np.empty((0, 2), np.intp)]
    for start in range(0, len(fingerprints), BLOCK_ROWS):
        block = fingerprints[start : start + BLOCK_ROWS, None]
        rest = fingerprints[None, start:]
        near = (np.bitwise_count(block ^ rest) <= MAX_HAMMING).any(axis=2)
        found.append(np.argwhere(np.triu(near, k=1)) + start)
    return np.concatenate(found)


def describe(grey: Grey) -> Features:
    """Compute the SIFT features of an image resized to 300 px on its longest side."""
    sift = cv2.SIFT.create(nfeatures=MAX_POINTS)
    keypoints, descriptors = sift.detectAndCompute(longest_side(grey, MAX_SIDE), None)
    if descriptors is None:
        return Features(np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8))
    # SIFT may return a few more than asked for; its descriptors are whole numbers.
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
    return Features(points[:MAX_POINTS], descriptors[:MAX_POINTS].astype(np.uint8))


def inliers(a: Features, b: Features) -> int:
    """Count the mutual matches that one similarity transform (RANSAC) explains."""
    source, target = _matches(_unit(a.descriptors), _unit(b.descriptors))
    if len(source) < MIN_INLIERS:
        return 0
    _, mask = cv2.estimateAffinePartial2D(
        a.points[source],
        b.points[target],
        method=cv2.RANSAC,
        ransacReprojThreshold=RANSAC_PX,
    )
    return 0 if mask is None else int(mask.sum())


def duplicate_pairs(
    pixel_hashes: Sequence[str],
    fingerprints: npt.NDArray[np.uint64],
    load: Callable[[int], Grey],
) -> npt.NDArray[np.intp]:
    """List the pairs i < j of images that show the same picture, (m, 2), sorted.

    Images with the same pixel hash are pairs; other candidates are compared by their
    features. `load(i)` is called once for each image to compare, on several threads,
    and only the features are kept (51 kB an image).
    """
    _, first, which = np.unique(pixel_hashes, return_index=True, return_inverse=True)
    candidates = candidate_pairs(fingerprints)
    # Identical images need one comparison, not one for each copy.
    distinct = np.sort(first[which[candidates]], axis=1)
    same = distinct[:, 0] == distinct[:, 1]
    to_compare, back = np.unique(distinct[~same], axis=0, return_inverse=True)
    same[~same] = _compare(to_compare, load)[back]
    return candidates[same]


def group_labels(n: int, pairs: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
    """Return the group number of each of `n` images, from their pairs (m, 2): (n,)."""
    ones = np.ones(len(pairs), bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    labels: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def _compare(
    pairs: npt.NDArray[np.intp], load: Callable[[int], Grey]
) -> npt.NDArray[np.bool_]:
    """Return for each pair, sorted, whether the features match."""
    needed = np.unique(pairs).tolist()
    described = map_threads(lambda i: describe(load(i)), needed, "describe")
    features = dict(zip(needed, described, strict=True))
    # One task per image and all its partners, as there may be millions of pairs.
    first, starts = np.unique(pairs[:, 0], return_index=True)
    rows = np.split(pairs, starts[1:]) if len(first) else []

    def compare(row: npt.NDArray[np.intp]) -> list[bool]:
        return [
            inliers(features[i], features[j]) >= MIN_INLIERS for i, j in row.tolist()
        ]

    with threadpool_limits(1, user_api="blas"):  # our own threads fill the cores
        answers = map_threads(compare, rows, "compare")
    return np.array(list(chain.from_iterable(answers)), bool)


def _unit(descriptors: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    vectors = descriptors.astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _matches(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Match unit vectors (k, 128): mutual nearest neighbours that pass the ratio test.

    Matches are mutual because many points of one image can match a single point of
    another and fit a transform that shrinks all to it: 357 false pairs in the public
    set. For unit vectors, distance**2 = 2 - 2 * cosine.
    """
    if min(len(a), len(b)) < MIN_INLIERS:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    cosine = a @ b.T
    every = np.arange(len(a))
    nearest = cosine.argmax(axis=1)
    best = cosine[every, nearest]
    cosine[every, nearest] = -1.0
    clear = 1 - best < MAX_RATIO**2 * (1 - cosine.max(axis=1))
    cosine[every, nearest] = best
    kept = np.flatnonzero(clear)
    kept = kept[cosine[:, nearest[kept]].argmax(axis=0) == kept]
    return kept, nearest[kept]
