"""Choose slices of a volume by the size of the head in them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brain_mri.imaging.decoded import Ends, ImageError, usual_ends

MAX_VOXELS = 100_000_000  # 512 x 512 px of 381 slices
SAMPLE = 1 << 22  # voxels; of larger volumes every n-th counts for the percentiles
HEAD_LEVEL = 0.1  # share of the way from black to white
HEAD_SHARE = 0.5  # of the largest area
MAX_LABELS = 10  # distinct whole numbers in a segmentation

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Stack:
    """Hold the slices of a volume as functions, so that few are in memory at once.

    format: file format.
    patient: as in `Decoded`.
    depth: number of slices.
    levels: yields the levels of slices counted from 0, float (height, width), brighter
        for more signal; voxels that do not count are not finite.
    grey: yields slices in grey levels, uint8 (height, width); the ends become black and
        white unless the file has a window.
    """

    format: str
    patient: str
    depth: int
    levels: Callable[[Sequence[int]], Iterator[npt.NDArray]]
    grey: Callable[[Sequence[int], Ends], Iterator[Grey]]


def ends(stack: Stack) -> Ends:
    """Return the `usual_ends` of a volume's finite levels.

    Raises:
        ImageError: no level is finite, all are equal, or they are a few whole numbers,
            like the labels of a segmentation.
    """
    parts, labels = [], np.empty(0)
    for plane in stack.levels(range(stack.depth)):
        step = -(-plane.size * stack.depth // SAMPLE)
        known = plane[np.isfinite(plane)]
        parts.append(known[::step].copy())  # a view would keep all of them
        if len(labels) <= MAX_LABELS:
            labels = np.union1d(labels, known)
    if len(labels) == 0:
        raise ImageError("pixels that are not finite numbers")
    if len(labels) == 1:
        raise ImageError("one flat grey level")
    if len(labels) <= MAX_LABELS and (labels == np.rint(labels)).all():
        raise ImageError("a segmentation, not a scan")
    return usual_ends(np.concatenate(parts))


def head_slices(stack: Stack, black_and_white: Ends, count: int) -> list[int]:
    """Choose at most `count` slices, counted from 0, that show much of the head.

    The area of the head in a slice is the number of voxels above a tenth of the way
    from black to white. From the first to the last slice whose area is at least half
    of the largest, the middle slice of each of `count` equal parts is chosen.
    """
    black, white = black_and_white
    limit = black + HEAD_LEVEL * (white - black)
    areas = np.array(
        [
            np.count_nonzero(plane[np.isfinite(plane)] > limit)
            for plane in stack.levels(range(stack.depth))
        ]
    )
    large = np.flatnonzero(areas >= HEAD_SHARE * areas.max())
    span = int(large[-1] - large[0]) + 1
    parts = min(count, span)
    return [int(large[0]) + (2 * i + 1) * span // (2 * parts) for i in range(parts)]
