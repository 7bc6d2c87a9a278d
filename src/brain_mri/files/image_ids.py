"""Name every image after its file's bytes, and compare images by their grey levels."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DIGITS = 12  # 48 bits: two of 100,000 files collide with probability 2e-5


def image_ids(digests: Sequence[str]) -> list[str]:
    """Shorten the files' SHA-256 to ids; further files of one id get -2, -3...

    A new version of a decoder may change pixels; it changes no id.
    """
    seen: defaultdict[str, int] = defaultdict(int)
    ids = []
    for digest in digests:
        short = digest[:DIGITS]
        seen[short] += 1
        ids.append(short if seen[short] == 1 else f"{short}-{seen[short]}")
    return ids


def stem(image_id: str) -> str:
    """Return what all files of the same bytes share of their ids.

    Which of them gets `-2` depends on their names, and on those of new files.
    """
    return image_id.partition("-")[0]


def pixel_hash(grey: npt.NDArray[np.uint8]) -> str:
    """Return the SHA-256 of an image's grey levels and their shape."""
    # The shape too: a 2 x 8 and a 4 x 4 image have the same bytes in a row.
    shape = f"{grey.shape[0]}x{grey.shape[1]}:".encode()
    return hashlib.sha256(shape + np.ascontiguousarray(grey).tobytes()).hexdigest()
