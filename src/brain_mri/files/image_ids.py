"""Identify an image by its file's bytes and its picture by the grey levels."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DIGITS = 12  # 48 bits: two of 100,000 files collide with probability 2e-5


def image_ids(digests: Sequence[str]) -> list[str]:
    """Shorten the SHA-256 of files to ids; identical files get the suffixes -2, -3...

    A new version of a decoder may change pixels, but it changes no id.
    """
    seen: defaultdict[str, int] = defaultdict(int)
    ids = []
    for digest in digests:
        short = digest[:DIGITS]
        seen[short] += 1
        ids.append(short if seen[short] == 1 else f"{short}-{seen[short]}")
    return ids


def stem(image_id: str) -> str:
    """Return the part of an id that identical files share.

    Their suffixes depend on the files' names, also on those of files added later.
    """
    return image_id.partition("-")[0]


def pixel_hash(grey: npt.NDArray[np.uint8]) -> str:
    """Return the SHA-256 of an image's grey levels and their shape."""
    # The shape too: a 2 x 8 and a 4 x 4 image have the same bytes in a row.
    shape = f"{grey.shape[0]}x{grey.shape[1]}:".encode()
    return hashlib.sha256(shape + np.ascontiguousarray(grey).tobytes()).hexdigest()
