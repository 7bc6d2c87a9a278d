"""What every decoder shares: what an image may be, and the way to its grey levels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brain_mri.errors import InputError

MIN_SIDE = 16  # px; below it no head can be told from noise

# A phone's photograph of a film has 24 million. Measured at this size on noise, the
# dearest kind (lossless WebP with alpha) takes 1.2 s and 0.9 GB.
MAX_PIXELS = 25_000_000

# Of the file: four channels of 16 bits a pixel, uncompressed, and nothing holds more.
MAX_BYTES = 8 * MAX_PIXELS

# Of a file in JPEG 2000, or of one whose run lengths are read in Python, as those of
# BMP and of compressed DICOM are: so much takes 1.5 s.
MAX_SLOW_BYTES = 8_000_000

# Height times width times colours of what Pillow decodes in Python: BMP in run lengths,
# PNM in text or with an unusual maximum. So many take 1.2 s.
MAX_SLOW_SAMPLES = 2_000_000

MAX_SCANS = 100  # of a JPEG image; a progressive one has about ten

BLOCK = 1 << 18  # pixels that are worked on in float64 at once


class ImageError(InputError):
    """Raise for a file that is no usable image; the text is the reason in words."""


@dataclass(frozen=True)
class Decoded:
    """Hold one image: `grey` (height, width) in [0, 255], and what the file was.

    patient: the same text for files of the same patient, "" where none is named; it
        means nothing in another process (see `dicom`).
    """

    grey: npt.NDArray[np.uint8]
    format: str
    mode: str
    patient: str = ""


def check_size(width: int, height: int) -> None:
    """Check a size that a header states, before any pixel is decoded.

    Raises:
        ImageError: a side is under 16 px, or there are more than 25 million pixels.
    """
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{width} x {height} px, a side under {MIN_SIDE} px")
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width} x {height} px, more than {MAX_PIXELS:,} pixels")


def check_scans(jpeg: bytes) -> None:
    """Check how many scans hold a JPEG image: each is a pass over all its pixels.

    Raises:
        ImageError: there are more than 100.
    """
    if jpeg.count(b"\xff\xda") > MAX_SCANS:
        raise ImageError(f"JPEG of more than {MAX_SCANS} scans")


def stretch(
    deep: npt.NDArray, ends: tuple[float, float] | None = None
) -> npt.NDArray[np.uint8]:
    """Scale levels of any depth, (height, width), linearly from `ends` to 0..255.

    The ends are those of the window in use, or else the image's own extremes, as
    nothing says which part of 16 or 32 bits is in use.

    Raises:
        ImageError: a level is NaN or infinite.
    """
    extremes = float(deep.min()), float(deep.max())  # NaN if any level is
    if not np.isfinite(extremes).all():
        raise ImageError("pixels that are not finite numbers")
    low, high = ends or extremes
    scale = 255.0 / (high - low) if high != low else 0.0

    def scaled(part: npt.NDArray) -> npt.NDArray:
        levels = (np.asarray(part, np.float64) - low) * scale
        return np.clip(np.round(levels), 0, 255)

    return pointwise(scaled, deep, np.uint8)


def pointwise(
    function: Callable[[npt.NDArray], npt.NDArray], values: npt.NDArray, dtype: type
) -> npt.NDArray:
    """Apply a function of each pixel alone to some rows of (height, width) at a time.

    So that what it makes on the way, in float64, is never as large as the image.
    """
    out: npt.NDArray = np.empty(values.shape, dtype)
    rows = max(1, BLOCK // values.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):  # what is infinite is refused
        for start in range(0, len(values), rows):
            out[start : start + rows] = function(values[start : start + rows])
    return out
