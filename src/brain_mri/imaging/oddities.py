"""Detect images that are no plain grey scan: in false colours, or a negative.

The constants were chosen on drawn phantoms and measured on the 253 images of the public
set only afterwards.
"""

import numpy as np
import numpy.typing as npt

from brain_mri.imaging.cropping import WORK_SIDE, peel
from brain_mri.imaging.resizing import longest_side

# A pixel counts if its largest channel reaches this share of the image's maximum. Its
# colour is strong if the channels differ by this share of the largest one.
DARK = 0.2
STRONG = 0.4
MOST = 0.5  # of the counted pixels; phantoms in a colour map have 0.74 and more

BORDER = 0.02  # width of the border, share of the shorter side
BRIGHT = 160  # a grey frame of 128 around a scan is no negative


def is_coloured(pixels: npt.NDArray) -> bool:
    """Tell whether most pixels that are not dark are strongly coloured.

    Args:
        pixels: RGB of any depth, unsigned integers (height, width, 3).
    """
    step = max(1, max(pixels.shape[:2]) // WORK_SIDE)
    # channel by channel: seven times as fast as a reduction over an axis of three
    red, green, blue = np.moveaxis(pixels[::step, ::step].astype(np.int64), 2, 0)
    largest = np.maximum(np.maximum(red, green), blue)
    smallest = np.minimum(np.minimum(red, green), blue)
    counted = largest >= max(1, DARK * largest.max())
    strong = largest - smallest >= STRONG * largest
    return bool(strong[counted].sum() > MOST * counted.sum())


def has_bright_background(grey: npt.NDArray[np.uint8]) -> bool:
    """Tell whether an image, uint8 (height, width), is a negative.

    Within a peeled frame, the median of its border is bright, and brighter than that of
    its middle half.
    """
    inner = longest_side(peel(grey).cut(grey), WORK_SIDE)
    height, width = inner.shape
    edge = max(1, round(BORDER * min(height, width)))
    is_border = np.ones(inner.shape, bool)
    is_border[edge:-edge, edge:-edge] = False
    border = np.median(inner[is_border])
    rows, columns = height // 4, width // 4
    middle = np.median(inner[rows : height - rows, columns : width - columns])
    return bool(border >= BRIGHT and border > middle)
