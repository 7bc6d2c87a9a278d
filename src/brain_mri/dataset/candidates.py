"""Propose pairs of pictures that may be copies, at a cost of a few for each picture.

Two methods propose the nearest pictures of each: visual words (Sivic & Zisserman 2003,
doi:10.1109/ICCV.2003.1238663) survive turns, crops and shifts, and perceptual hashes
survive a change of contrast. Both ask with four variants of a picture: as it is,
mirrored, negative, and both.
"""

from collections.abc import Callable
from itertools import product

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import csr_array

from brain_mri.dataset.descriptions import Descriptions, mirror, negate, unit
from brain_mri.progress import map_threads

Grey = npt.NDArray[np.uint8]
Similarity = Callable[[slice, int], npt.NDArray[np.float32]]

# A row or column belongs to the margin if its grey levels span no more than this. JPEG
# adds ripples to a margin.
MARGIN_SPAN = 32

VARIANTS = [*product((False, True), repeat=2)]  # mirrored, negative
NEAREST = 8  # pictures that each method proposes for each
WORDS = 1024  # of one variant; the vocabulary holds them in all four
SHARE = 8  # at least so many descriptors for a word, or no two pictures share one
BLOCK = 2**20  # elements of the similarity matrix that a thread holds at once


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


def propose(
    fingerprints: npt.NDArray[np.uint64], descriptions: Descriptions
) -> npt.NDArray[np.intp]:
    """List the candidates (m, 3): pictures i < j and the variant of i to compare.

    `fingerprints` is (n, 2). The rows are sorted and distinct.
    """
    count = len(fingerprints)
    found = [
        nearest(count, similar)
        for similar in (by_hash(fingerprints), by_words(descriptions))
    ]
    return np.unique(np.concatenate(found), axis=0)


def nearest(count: int, similarity: Similarity) -> npt.NDArray[np.intp]:
    """List the nearest pictures of each, (m, 3): i < j and the variant of i.

    Of equally similar pictures the first ones are taken, so a large set of the same
    picture stays connected. Pictures of similarity 0 or less are not listed.

    Args:
        count: number of pictures.
        similarity: of a slice of pictures, in one variant, to all: (rows, count).
    """

    height = max(1, BLOCK // max(1, count))

    def of_block(start: int) -> npt.NDArray[np.intp]:
        rows = slice(start, min(start + height, count))
        own = np.arange(rows.start, rows.stop)
        best = similarity(rows, 0)
        which = np.zeros(best.shape, np.int8)
        for number in range(1, len(VARIANTS)):
            other = similarity(rows, number)
            which[other > best] = number
            np.maximum(best, other, out=best)
        best[own - start, own] = 0
        first = _largest(best, NEAREST)
        i = np.repeat(own, first.shape[1])
        j = first.ravel()
        chosen = which[i - start, j]
        # Each variant undoes itself, and mirror and negative commute: the same variant
        # of j is like i.
        pairs = np.stack([np.minimum(i, j), np.maximum(i, j), chosen], axis=1)
        return pairs[best[i - start, j] > 0]

    found = map_threads(of_block, range(0, count, height), "find candidates")
    return np.concatenate([np.empty((0, 3), np.intp), *found])


def by_hash(fingerprints: npt.NDArray[np.uint64]) -> Similarity:
    """Compare perceptual hashes (n, 2): the share of equal bits, less one half.

    A mirror changes the sign of the odd horizontal frequencies, a negative that of all
    but the mean.
    """
    bits = np.unpackbits(fingerprints.astype(">u8").view(np.uint8), axis=1)
    signs = (1 - 2.0 * bits).astype(np.float32).reshape(-1, 2, 64)
    across = np.tile(np.where(np.arange(8) % 2, -1, 1), 8)
    inverse = np.where(np.arange(64) == 0, 1, -1)

    def similarity(rows: slice, number: int) -> npt.NDArray[np.float32]:
        mirrored, negative = VARIANTS[number]
        change = np.where(mirrored, across, 1) * np.where(negative, inverse, 1)
        asked = signs[rows] * change.astype(np.float32)
        raw, stripped = (asked[:, k] @ signs[:, k].T for k in (0, 1))
        return np.maximum(raw, stripped) / 128

    return similarity


def by_words(descriptions: Descriptions) -> Similarity:
    """Compare the visual words of pictures: the cosine of their tf-idf vectors."""
    counts = _word_counts(descriptions, vocabulary(descriptions))
    variants = [_variant_of_words(counts, number) for number in range(len(VARIANTS))]
    used = sum(np.bincount(v.indices, minlength=v.shape[1]) for v in variants)
    rarity = np.log(len(VARIANTS) * max(descriptions.count, 1) / np.maximum(used, 1))
    vectors = [_weighted(v, rarity) for v in variants]
    columns = csr_array(vectors[0].T)

    def similarity(rows: slice, number: int) -> npt.NDArray[np.float32]:
        return (vectors[number][rows] @ columns).toarray()

    return similarity


def vocabulary(descriptions: Descriptions) -> npt.NDArray[np.float32]:
    """Draw descriptors of the set as words, and add their variants: (4 * words, 128).

    So the words of a mirrored picture are the mirrored words of the picture, and no
    picture needs to be compared with the vocabulary more than once.
    """
    lengths = [len(descriptions.coarse(i).points) for i in range(descriptions.count)]
    ends = np.cumsum([0, *lengths])
    drawn = np.random.default_rng(0).choice(
        ends[-1], min(WORDS, -(-ends[-1] // SHARE)), replace=False
    )
    words = np.empty((len(drawn), 128), np.uint8)
    owners = np.searchsorted(ends, drawn, side="right") - 1
    for word, (owner, point) in enumerate(
        zip(owners, drawn - ends[owners], strict=True)
    ):
        words[word] = descriptions.coarse(int(owner)).descriptors[point]
    return unit(
        np.concatenate([words, negate(words), mirror(words), negate(mirror(words))])
    )


def _word_counts(
    descriptions: Descriptions, words: npt.NDArray[np.float32]
) -> csr_array:
    """Count the nearest word of each descriptor: (pictures, words)."""

    def count(i: int) -> npt.NDArray[np.intp]:
        descriptors = descriptions.coarse(i).descriptors
        if len(descriptors) == 0:
            return np.empty(0, np.intp)
        return (unit(descriptors) @ words.T).argmax(axis=1)

    found = map_threads(count, range(descriptions.count), "count words")
    columns = np.concatenate([np.empty(0, np.intp), *found])
    ends = np.cumsum([0, *map(len, found)])
    ones = np.ones(len(columns), np.float32)
    counts = csr_array((ones, columns, ends), shape=(len(found), max(len(words), 1)))
    counts.sum_duplicates()
    return counts


def _variant_of_words(counts: csr_array, number: int) -> csr_array:
    """Swap the quarters of the vocabulary: 0 plain, 1 negative, 2 mirrored, 3 both."""
    quarter = max(counts.shape[1] // len(VARIANTS), 1)
    part, word = np.divmod(counts.indices, quarter)
    moved = (part ^ number) * quarter + word
    return csr_array((counts.data, moved, counts.indptr), shape=counts.shape)


def _weighted(counts: csr_array, rarity: npt.NDArray[np.float64]) -> csr_array:
    """Weight the root of a count by the word's rarity, and scale rows to length 1."""
    data = np.sqrt(counts.data) * rarity[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(rows, data**2, minlength=counts.shape[0]))
    data = data / np.maximum(lengths, 1e-9)[rows]
    return csr_array(
        (data.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape
    )


def _largest(values: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.intp]:
    """Return the columns of the k largest values of each row; the first among equals.

    The result is (rows, k), or (rows, columns) if there are fewer columns.
    """
    k = min(k, values.shape[1])
    at_least = np.partition(values, -k, axis=1)[:, -k, None]
    # A stable sort of the few that may be meant, not of all.
    chosen = np.empty((len(values), k), np.intp)
    for row, (mine, limit) in enumerate(zip(values, at_least, strict=True)):
        few = np.flatnonzero(mine >= limit)
        chosen[row] = few[np.argsort(-mine[few], kind="stable")[:k]]
    return chosen
