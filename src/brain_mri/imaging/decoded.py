"""Shared by all decoders: the limits of a file, the result, scaling to 8 bits."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brain_mri.errors import InputError

# Limits of a file. They depend on the file alone and not on time or memory used, so
# that every computer refuses the same files. A file within the limits takes at most
# about 3 s of processor time and 1 GB of memory.
MIN_SIDE = 16  # px; a smaller head cannot be told from noise
MAX_PIXELS = 25_000_000  # a phone's photograph of a film has 24 million
MAX_BYTES = 8 * MAX_PIXELS  # four channels of 16 bits a pixel, uncompressed
MAX_SLOW_BYTES = 8_000_000  # JPEG 2000, compressed DICOM, formats decoded in Python
MAX_SLOW_SAMPLES = 2_000_000  # height * width * channels, formats decoded in Python
MAX_SCANS = 100  # of a JPEG image; a progressive one has about ten
MAX_PNM_HEADER = 1000  # bytes; Pillow reads one at a time
MAX_PNM_COMMENTS = 100  # in text pixels; at each, Pillow copies the rest of the data
MAX_TIFF_VALUES = 100_000  # tags, or values of one tag; Pillow makes an object of each

# Drawn in each process and never written. Equal hashes mean equal patients within one
# audit, but identifiers cannot be tested against the hashes afterwards.
SALT = secrets.token_bytes(32)

A_VOLUME = "a volume: brain-mri add makes images of its slices"  # of a refusal

USUAL = (0.5, 99.5)  # percentiles that become black and white (see `usual_ends`)
BLOCK = 1 << 18  # pixels processed in float64 at a time

Ends = tuple[float, float]  # the levels that become black and white


class ImageError(InputError):
    """Report a file that is not a usable image; the message is the reason."""


@dataclass(frozen=True)
class Decoded:
    """Hold one image: `grey` (height, width) in [0, 255], file format and pixel mode.

    coloured: most pixels that are not dark have a strong colour (`oddities`).
    patient: equal for files of the same patient decoded with the same salt, "" if the
        file names no patient (see `dicom`).
    """

    grey: npt.NDArray[np.uint8]
    format: str
    mode: str
    patient: str = ""
    coloured: bool = False


def check_size(width: int, height: int) -> None:
    """Check the image size in a header before any pixel is decoded.

    Raises:
        ImageError: a side is under 16 px, or there are more than 25 million pixels.
    """
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{width} x {height} px, a side under {MIN_SIDE} px")
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width} x {height} px, more than {MAX_PIXELS:,} pixels")


def check_scans(jpeg: bytes) -> None:
    """Check the number of scans in a JPEG image; each is a pass over all pixels.

    Raises:
        ImageError: there are more than 100.
    """
    if jpeg.count(b"\xff\xda") > MAX_SCANS:
        raise ImageError(f"JPEG of more than {MAX_SCANS} scans")


def usual_ends(levels: npt.NDArray) -> Ends:
    """Return the 0.5 and 99.5 percentiles of levels of any shape, as black and white.

    One hot pixel would move the maximum and flatten the contrast of all others. If the
    percentiles are equal, the minimum and maximum are returned.

    Source: nnU-Net, for CT (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
    """
    # the nearest level, because an interpolation may overflow
    low, high = np.percentile(levels, USUAL, method="nearest").tolist()
    if low == high:
        low, high = levels.min(), levels.max()
    return float(low), float(high)


def scale_to_8_bits(
    levels: npt.NDArray, ends: Ends | None = None
) -> npt.NDArray[np.uint8]:
    """Scale levels of any depth, (height, width), linearly from `ends` to 0..255.

    Levels beyond the ends become 0 or 255. Without `ends`, the image's own `usual_ends`
    are used, because no header says which part of a 16- or 32-bit range is in use.

    Raises:
        ImageError: a level is NaN or infinite.
    """
    if not np.isfinite([levels.min(), levels.max()]).all():  # NaN if any level is
        raise ImageError("pixels that are not finite numbers")
    low, high = ends or usual_ends(levels)
    scale = 255.0 / (high - low) if high != low else 0.0

    def scaled(part: npt.NDArray) -> npt.NDArray:
        return np.clip(np.round((np.asarray(part, np.float64) - low) * scale), 0, 255)

    return apply_by_rows(scaled, levels, np.uint8)


def apply_by_rows(
    function: Callable[[npt.NDArray], npt.NDArray], levels: npt.NDArray, dtype: type
) -> npt.NDArray:
    """Apply a pixelwise function to an image, (height, width, ...), by some rows.

    This bounds the size of its intermediate float64 arrays. The result has the shape
    (height, width).
    """
    out: npt.NDArray = np.empty(levels.shape[:2], dtype)
    rows = max(1, BLOCK // levels.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):  # infinite levels are refused
        for start in range(0, len(levels), rows):
            out[start : start + rows] = function(levels[start : start + rows])
    return out
