"""Find copies of one picture: resized, cropped, turned, mirrored, negative, and so on.

Visual words and a perceptual hash propose pairs; local features and one similarity
transform confirm them. What is found and what is missed: docs/method.md, "Copies of one
picture".
"""

from collections.abc import Callable, Sequence
from itertools import chain, combinations, product

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from threadpoolctl import threadpool_limits

from brain_mri.dataset.candidates import VARIANTS, propose
from brain_mri.dataset.descriptions import Descriptions, Features, unit, variant
from brain_mri.progress import map_threads

Grey = npt.NDArray[np.uint8]

MAX_RATIO = 0.8  # Lowe's ratio test, in SIFT's paper

# RANSAC's largest distance of two matched points, in px; 3 is OpenCV's default. The
# small picture has a third of the pixels a side.
FINE_PX = 3.0
COARSE_PX = 1.0

# Two pictures are copies if so many points match in the large ones, or if a few match
# in the small ones and the small ones, laid over each other, are alike; the fewer the
# points, the more alike. Among 30,000 phantoms, pairs of different heads with 8 points
# or more correlate by 0.872 at most, those with 5 to 7 by 0.942.
MIN_FINE = 30
MIN_COARSE = 5
MIN_CORRELATION = {8: 0.88, MIN_COARSE: 0.95}  # by the least number of points

# Correlation ignores shades and noise: only details between these two blurs count.
DETAIL = (1.5, 5.0)  # px, standard deviations
MIN_OVERLAP = 0.3  # of the small picture


def duplicate_pairs(
    pixel_hashes: Sequence[str],
    fingerprints: npt.NDArray[np.uint64],
    load: Callable[[int], Grey],
) -> npt.NDArray[np.intp]:
    """List the pairs i < j of images that show the same picture, (m, 2), sorted.

    Images with the same pixel hash are pairs; candidates are compared by their
    features. In a set of more than eight near-duplicates of one picture not every pair
    is a candidate.

    Args:
        pixel_hashes: one for each image.
        fingerprints: (n, 2), see `candidates.fingerprint`.
        load: gives the pixels of an image; called once for each distinct image, on
            several threads. Only the features are kept, in a temporary file.
    """
    _, first, which = np.unique(pixel_hashes, return_index=True, return_inverse=True)
    distinct = np.sort(first)  # so that numbering follows the listing
    copies = _members(np.searchsorted(distinct, first)[which], len(distinct))
    if len(distinct) < 2:
        return _spread(np.empty((0, 2), np.intp), copies)
    with threadpool_limits(1, user_api="blas"):  # our own threads fill the cores
        descriptions = Descriptions(len(distinct), lambda i: load(int(distinct[i])))
        candidates = propose(fingerprints[distinct], descriptions)
        same = confirm(candidates, descriptions)
    return _spread(np.unique(candidates[same, :2], axis=0), copies)


def component_labels(n: int, pairs: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
    """Number the connected components of `n` images joined by pairs (m, 2): (n,)."""
    ones = np.ones(len(pairs), bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    labels: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def match(
    a: Features, b: Features, px: float = FINE_PX
) -> tuple[int, npt.NDArray[np.float64]]:
    """Find the similarity transform from a to b that most mutual matches fit.

    Returns:
        The number of matches that fit within `px` (RANSAC), and the transform (2, 3).
    """
    source, target = _matches(a.descriptors, b.descriptors)
    if len(source) < MIN_COARSE:
        return 0, np.eye(2, 3)
    transform, fits = cv2.estimateAffinePartial2D(
        a.points[source],
        b.points[target],
        method=cv2.RANSAC,
        ransacReprojThreshold=px,
    )
    if transform is None:
        return 0, np.eye(2, 3)
    return int(fits.sum()), np.asarray(transform, np.float64)


def correlation(a: Grey, b: Grey, transform: npt.NDArray[np.float64]) -> float:
    """Return the correlation, -1 to 1, of the details of b and of a laid over it.

    It is 0 if the two overlap in less than 30 % of b.
    """
    size = b.shape[::-1]
    both = cv2.warpAffine(np.ones_like(a), transform, size) > 0
    if both.mean() < MIN_OVERLAP:
        return 0.0
    laid = _details(cv2.warpAffine(a, transform, size))[both]
    under = _details(b)[both]
    laid, under = laid - laid.mean(), under - under.mean()
    length = np.sqrt((laid @ laid) * (under @ under))
    return float(laid @ under / length) if length else 0.0


def confirm(
    candidates: npt.NDArray[np.intp], descriptions: Descriptions
) -> npt.NDArray[np.bool_]:
    """Return for each candidate (m, 3), sorted, whether both show the same picture."""

    def same(i: int, j: int, number: int) -> bool:
        mirrored, negative = VARIANTS[number]
        coarse = variant(descriptions.coarse(i), mirrored, negative)
        count, transform = match(coarse, descriptions.coarse(j), COARSE_PX)
        if count >= MIN_COARSE:
            small = descriptions.picture(i)
            small = small[:, ::-1] if mirrored else small
            small = 255 - small if negative else np.ascontiguousarray(small)
            alike = correlation(small, descriptions.picture(j), transform)
            if alike >= next(v for k, v in MIN_CORRELATION.items() if count >= k):
                return True
        fine = variant(descriptions.fine(i), mirrored, negative)
        return match(fine, descriptions.fine(j), FINE_PX)[0] >= MIN_FINE

    # One task per image and all its partners, as there may be millions of pairs.
    starts = np.unique(candidates[:, 0], return_index=True)[1]
    rows = np.split(candidates, starts[1:]) if len(candidates) else []
    answers = map_threads(
        lambda row: [same(*candidate) for candidate in row.tolist()], rows, "compare"
    )
    return np.array(list(chain.from_iterable(answers)), bool)


def _details(grey: npt.ArrayLike) -> npt.NDArray[np.float32]:
    values = np.asarray(grey, np.float32)
    fine, coarse = (cv2.GaussianBlur(values, (0, 0), sigma) for sigma in DETAIL)
    return np.asarray(fine - coarse)


def _members(place: npt.NDArray[np.intp], count: int) -> Sequence[npt.NDArray[np.intp]]:
    """List the images of each of `count` places."""
    order = np.argsort(place, kind="stable")
    return np.split(order, np.searchsorted(place[order], np.arange(1, count)))


def _spread(
    pairs: npt.NDArray[np.intp], copies: Sequence[npt.NDArray[np.intp]]
) -> npt.NDArray[np.intp]:
    """List the pairs of all images, from the pairs of the distinct ones.

    `copies[i]` lists the images that have the pixels of the distinct image `i`.
    """
    found = {pair for mine in copies for pair in combinations(mine.tolist(), 2)}
    for i, j in pairs.tolist():
        found |= {
            (min(a, b), max(a, b))
            for a, b in product(copies[i].tolist(), copies[j].tolist())
        }
    return np.array(sorted(found), np.intp).reshape(-1, 2)


def _matches(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Match descriptors (k, 128): mutual nearest neighbours that pass the ratio test.

    Matches are mutual because many points of one image can match a single point of
    another and fit a transform that shrinks all to it: 357 false pairs in the public
    set. For unit vectors, distance**2 = 2 - 2 * cosine.
    """
    if min(len(a), len(b)) < MIN_COARSE:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    cosine = unit(a) @ unit(b).T
    every = np.arange(len(a))
    nearest = cosine.argmax(axis=1)
    best = cosine[every, nearest]
    cosine[every, nearest] = -1.0
    clear = 1 - best < MAX_RATIO**2 * (1 - cosine.max(axis=1))
    cosine[every, nearest] = best
    kept = np.flatnonzero(clear)
    kept = kept[cosine[:, nearest[kept]].argmax(axis=0) == kept]
    return kept, nearest[kept]
